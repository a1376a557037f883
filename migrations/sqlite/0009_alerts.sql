-- What somebody should look at. An alert about one thing is there once until it is resolved; what happens again meanwhile is counted.
-- Texts are made by the engine and hold no value of a message.
create table alerts (
    id blob primary key,
    kind text not null,
    object text not null,
    channel text,
    severity integer not null,
    state integer not null,
    first_us integer not null,
    last_us integer not null,
    count integer not null,
    text text not null,
    acknowledged_us integer,
    acknowledged_by text,
    resolved_us integer,
    resolved_by text,
    note text
) without rowid;
create unique index alerts_unresolved on alerts (kind, object) where state < 20;
create index alerts_by_state on alerts (state, id);

-- What must still be told, and to whom: written with the alert, gone when it has been told.
create table alert_outbox (
    sink text not null,
    alert blob not null references alerts (id),
    what integer not null,
    due_us integer not null,
    tries integer not null,
    primary key (sink, alert, what)
) without rowid;
create index alert_outbox_due on alert_outbox (sink, due_us);

-- How far the audit log was looked at, from when on it counts, and when it was last verified; one row.
create table alert_watermark (
    one integer primary key check (one = 1),
    seq integer not null,
    since_us integer not null,
    verified_us integer,
    verified_outcome text
);

-- From where each person has signed in, and when last.
create table alert_logins (
    actor text not null,
    prefix text not null,
    last_us integer not null,
    primary key (actor, prefix)
) without rowid;
