-- What one person wants to do and another must agree to. `digest` is over everything that was asked for; another act has another one.
create table approvals (
    id uuid primary key,
    action text not null,
    digest bytea not null,
    summary text not null,
    channels text,
    requester text not null,
    requester_name text,
    asked_us bigint not null,
    until_us bigint not null,
    state bigint not null,
    decided_by text,
    decided_us bigint,
    reason text
);
create index approvals_by_time on approvals (asked_us);

-- Passphrases for an emergency, as sealed PHC strings. Each is good once.
create table envelopes (
    id uuid primary key,
    state bigint not null,
    passphrase bytea not null,
    made_us bigint not null,
    made_by text not null
);

-- Guesses at passphrases, of all envelopes together; one row.
create table envelope_guesses (
    one bigint primary key check (one = 1),
    failures bigint not null,
    locked_until_us bigint not null
);
insert into envelope_guesses (one, failures, locked_until_us) values (1, 0, 0);

-- Sessions that began with an envelope, by the SHA-256 of their tokens.
create table emergencies (
    id uuid primary key,
    token bytea not null unique,
    envelope uuid not null references envelopes (id),
    name text not null,
    ticket text,
    begun_us bigint not null,
    seen_us bigint not null,
    until_us bigint not null,
    ended_us bigint,
    address text not null,
    reviewed_us bigint,
    reviewed_by text,
    reminded_us bigint not null
);
create index emergencies_by_time on emergencies (begun_us);
