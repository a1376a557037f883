-- What somebody should look at. An alert about one thing is there once until it is resolved; what happens again meanwhile is counted.
-- Texts are made by the engine and hold no value of a message.
create table alerts (
    id uuid primary key,
    kind text not null,
    object text not null,
    channel text,
    severity bigint not null,
    state bigint not null,
    first_us bigint not null,
    last_us bigint not null,
    count bigint not null,
    text text not null,
    acknowledged_us bigint,
    acknowledged_by text,
    resolved_us bigint,
    resolved_by text,
    note text
);
create unique index alerts_unresolved on alerts (kind, object) where state < 20;
create index alerts_by_state on alerts (state, id);

-- What must still be told, and to whom: written with the alert, gone when it has been told.
create table alert_outbox (
    sink text not null,
    alert uuid not null references alerts (id),
    what bigint not null,
    due_us bigint not null,
    tries bigint not null,
    primary key (sink, alert, what)
);
create index alert_outbox_due on alert_outbox (sink, due_us);

-- How far the audit log was looked at, from when on it counts, and when it was last verified; one row.
create table alert_watermark (
    one bigint primary key check (one = 1),
    seq bigint not null,
    since_us bigint not null,
    verified_us bigint,
    verified_outcome text
);

-- From where each person has signed in, and when last.
create table alert_logins (
    actor text not null,
    prefix text not null,
    last_us bigint not null,
    primary key (actor, prefix)
);
