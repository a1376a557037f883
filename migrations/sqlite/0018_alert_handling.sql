-- Alerts are put off, given to somebody, and taken to others when nobody looks after them.
alter table alerts add column snoozed_until_us integer;
alter table alerts add column assigned_to text;
alter table alerts add column escalated_us integer;

-- What each sink was told of an alert that is not resolved: how bad it was then, when first, and when last.
create table alert_told (
    sink text not null,
    alert blob not null references alerts (id),
    severity integer not null,
    first_us integer not null,
    last_us integer not null,
    primary key (sink, alert)
) without rowid;
create index alert_told_by_alert on alert_told (alert);
-- Everything that was written down before was told to the log.
insert into alert_told (sink, alert, severity, first_us, last_us)
    select 'log', id, severity, first_us, last_us from alerts where state < 20;

-- Times in which alerts are written down and not told. Lists are separated by commas; an empty one stands for everything.
create table alert_windows (
    id blob primary key,
    from_us integer not null,
    until_us integer not null,
    rules text not null,
    channels text not null,
    destination text,
    reason text not null,
    made_by text not null,
    ended_us integer
) without rowid;
create index alert_windows_by_end on alert_windows (until_us) where ended_us is null;
