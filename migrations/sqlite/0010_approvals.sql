-- What one person wants to do and another must agree to. `digest` is over everything that was asked for; another act has another one.
create table approvals (
    id blob primary key,
    action text not null,
    digest blob not null,
    summary text not null,
    channels text,
    requester text not null,
    requester_name text,
    asked_us integer not null,
    until_us integer not null,
    state integer not null,
    decided_by text,
    decided_us integer,
    reason text
) without rowid;
create index approvals_by_time on approvals (asked_us);

-- Passphrases for an emergency, as sealed PHC strings. Each is good once.
create table envelopes (
    id blob primary key,
    state integer not null,
    passphrase blob not null,
    made_us integer not null,
    made_by text not null
) without rowid;

-- Guesses at passphrases, of all envelopes together; one row.
create table envelope_guesses (
    one integer primary key check (one = 1),
    failures integer not null,
    locked_until_us integer not null
);
insert into envelope_guesses (one, failures, locked_until_us) values (1, 0, 0);

-- Sessions that began with an envelope, by the SHA-256 of their tokens.
create table emergencies (
    id blob primary key,
    token blob not null unique,
    envelope blob not null references envelopes (id),
    name text not null,
    ticket text,
    begun_us integer not null,
    seen_us integer not null,
    until_us integer not null,
    ended_us integer,
    address text not null,
    reviewed_us integer,
    reviewed_by text,
    reminded_us integer not null
) without rowid;
create index emergencies_by_time on emergencies (begun_us);
