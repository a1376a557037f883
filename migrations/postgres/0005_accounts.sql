-- People who sign in, what they may do, and their sessions. A user is never deleted: an id stays the name of one person in the audit log.

-- Passwords (as PHC strings) and second factors (TOTP secrets) are sealed.
create table users (
    id uuid primary key,
    name text not null unique,
    state bigint not null,
    generation bigint not null,
    password bytea not null,
    second_factor bytea,
    totp_step bigint not null,
    failures bigint not null,
    locked_until_us bigint not null,
    signed_in_us bigint not null,
    created_us bigint not null,
    created_by text not null
);

-- Keyed tokens of recovery codes, each good for one sign-in.
create table recovery_codes (
    user_id uuid not null references users (id),
    code bytea not null,
    used_us bigint,
    primary key (user_id, code)
);

-- What a user may do: roles by name, each for some channels. The list is JSON; none means every channel.
create table grants (
    user_id uuid not null references users (id),
    role text not null,
    channels text,
    created_us bigint not null,
    created_by text not null,
    primary key (user_id, role)
);

-- Sessions by the SHA-256 of their tokens.
create table sessions (
    token bytea primary key,
    user_id uuid not null references users (id),
    generation bigint not null,
    created_us bigint not null,
    seen_us bigint not null,
    until_us bigint not null,
    step_up_us bigint not null,
    auth text not null,
    address text not null
);
create index sessions_by_user on sessions (user_id, created_us);

-- Tokens of programs by their SHA-256. Grants and networks are JSON. One that ended or was taken back stays, for the audit log names it.
create table service_tokens (
    id uuid primary key,
    token bytea not null unique,
    name text not null,
    grants text not null,
    networks text not null,
    until_us bigint not null,
    revoked_us bigint,
    seen_us bigint not null,
    created_us bigint not null,
    created_by text not null
);
create index service_tokens_by_name on service_tokens (name, created_us);

create function users_are_kept() returns trigger language plpgsql as $$
begin
    raise exception 'a user is disabled, never deleted';
end $$;
create trigger users_no_delete before delete or truncate on users for each statement execute function users_are_kept();
do $$ begin
    execute format('revoke delete, truncate on users from %I', current_user);
end $$;
