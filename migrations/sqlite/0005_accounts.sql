-- People who sign in, what they may do, and their sessions. A user is never deleted: an id stays the name of one person in the audit log.

-- Passwords (as PHC strings) and second factors (TOTP secrets) are sealed.
create table users (
    id blob primary key,
    name text not null unique,
    state integer not null,
    generation integer not null,
    password blob not null,
    second_factor blob,
    totp_step integer not null,
    failures integer not null,
    locked_until_us integer not null,
    signed_in_us integer not null,
    created_us integer not null,
    created_by text not null
) without rowid;
create trigger users_no_delete before delete on users begin select raise(abort, 'a user is disabled, never deleted'); end;

-- Keyed tokens of recovery codes, each good for one sign-in.
create table recovery_codes (
    user_id blob not null references users (id),
    code blob not null,
    used_us integer,
    primary key (user_id, code)
) without rowid;

-- What a user may do: roles by name, each for some channels. The list is JSON; none means every channel.
create table grants (
    user_id blob not null references users (id),
    role text not null,
    channels text,
    created_us integer not null,
    created_by text not null,
    primary key (user_id, role)
) without rowid;

-- Sessions by the SHA-256 of their tokens.
create table sessions (
    token blob primary key,
    user_id blob not null references users (id),
    generation integer not null,
    created_us integer not null,
    seen_us integer not null,
    until_us integer not null,
    step_up_us integer not null,
    auth text not null,
    address text not null
) without rowid;
create index sessions_by_user on sessions (user_id, created_us);

-- Tokens of programs by their SHA-256. Grants and networks are JSON. One that ended or was taken back stays, for the audit log names it.
create table service_tokens (
    id blob primary key,
    token blob not null unique,
    name text not null,
    grants text not null,
    networks text not null,
    until_us integer not null,
    revoked_us integer,
    seen_us integer not null,
    created_us integer not null,
    created_by text not null
) without rowid;
create index service_tokens_by_name on service_tokens (name, created_us);
