-- The store of engines that share a server. Times are microseconds UTC, ids are UUIDv7, codes are those of store/src/state.rs.

create table schema_version (
    version bigint primary key,
    applied_us bigint not null
);

-- Facts about the store itself: log_id, kek_id, clean.
create table meta (
    name text primary key,
    value bytea not null
);

-- Data keys, wrapped by the store key.
create table data_keys (
    id bytea primary key,
    purpose bigint not null,
    channel bigint not null,
    day bigint not null,
    kek_id bytea not null,
    wrapped bytea not null,
    commitment bytea not null,
    created_us bigint not null,
    destroyed_us bigint
);

create table channels (
    id bigint generated always as identity primary key,
    name text not null unique,
    revision bigint,
    created_us bigint not null
);

create table channel_owner (
    channel bigint primary key references channels (id),
    node text not null,
    epoch bigint not null,
    since_us bigint not null
);

create table destinations (
    id bigint generated always as identity primary key,
    channel bigint not null references channels (id),
    name text not null,
    held_us bigint,
    removed_us bigint,
    created_us bigint not null,
    unique (channel, name)
);

-- What handled messages: the texts themselves, so that a trace can be recomputed years later.
create table revisions (
    id bigint generated always as identity primary key,
    channel bigint not null references channels (id),
    hash bytea not null,
    text text not null,
    tables text not null,
    author text not null,
    reason text,
    engine_version text not null,
    created_us bigint not null
);
create index revisions_by_channel on revisions (channel, id);

create table messages (
    id uuid primary key,
    channel bigint not null,
    seq bigint not null,
    received_us bigint not null,
    origin bigint not null,
    parent uuid,
    trace uuid,
    peer text not null,
    application text not null,
    facility text not null,
    kind text not null,
    version text not null,
    charset text not null,
    control_id bytea not null,
    control_token bytea not null,
    digest bytea not null,
    duplicate bigint,
    bytes bigint not null,
    body uuid,
    lone_lf bigint not null,
    ack_code text not null,
    disposition bigint not null,
    final_us bigint not null,
    tries bigint not null,
    revision bigint,
    reason_code text,
    reason_step bigint,
    signature bytea,
    error bytea,
    superseded_by uuid
);
create unique index messages_by_seq on messages (channel, seq);
create index messages_undecided on messages (channel, seq) where revision is null;
create index messages_failed on messages (channel, id) where disposition = 25 and reason_code is not null and superseded_by is null;
create index messages_by_parent on messages (parent) where parent is not null;

-- Sealed bytes, once: of a message under its id, of a delivery whose bytes differ under its own. They are compressed before they are sealed.
create table bodies (
    id uuid primary key,
    blob bytea not null
);
alter table bodies alter column blob set storage external;

create table deliveries (
    message uuid not null,
    id uuid not null,
    channel bigint not null,
    destination bigint not null,
    seq bigint not null,
    part bigint not null,
    own_body bigint not null,
    lane bytea not null,
    state bigint not null,
    changed_us bigint not null,
    next_us bigint not null,
    tried_us bigint not null,
    tries bigint not null,
    answered_tries bigint not null,
    first_answered_us bigint,
    reason_code text,
    reason_step bigint,
    signature bytea,
    error bytea,
    superseded_by uuid,
    primary key (message, id)
);
create unique index deliveries_by_id on deliveries (id);
create index deliveries_open on deliveries (destination, seq, part, state) where state < 20;
create index deliveries_dead on deliveries (channel, destination, id) where state = 21 and superseded_by is null;

-- Further lanes of a delivery that holds several.
create table delivery_keys (
    delivery uuid not null,
    n bigint not null,
    lane bytea not null,
    primary key (delivery, n)
);

-- The trace: one row a try.
create table attempts (
    message uuid not null,
    delivery uuid not null,
    started_us bigint not null,
    duration_us bigint not null,
    peer text not null,
    code text not null,
    answered bigint not null,
    response bytea,
    error bytea,
    primary key (message, delivery, started_us)
);

-- The duplicate window.
create table dups (
    token bigint primary key,
    message uuid not null
);

create table counters (
    hour bigint not null,
    channel bigint not null,
    destination bigint not null,
    what bigint not null,
    n bigint not null,
    primary key (hour, channel, destination, what)
);

-- What a repeated request with the same idempotency token answers.
create table act_tokens (
    token bytea primary key,
    result text not null,
    created_us bigint not null
);

create table audit_log (
    seq bigint primary key,
    ts_us bigint not null,
    actor_id text not null,
    action text not null,
    channel_id text,
    target_id text,
    outcome text not null,
    rec bytea not null,
    leaf bytea not null,
    chain bytea not null,
    seal bytea,
    epoch bigint
);

-- The end of the chain; one row.
create table audit_head (
    one bigint primary key check (one = 1),
    next_seq bigint not null,
    chain bytea not null
);

create function audit_is_append_only() returns trigger language plpgsql as $$
begin
    raise exception 'the audit log is append-only';
end $$;
create trigger audit_log_no_change before update or delete or truncate on audit_log
    for each statement execute function audit_is_append_only();
create trigger audit_head_no_delete before delete or truncate on audit_head
    for each statement execute function audit_is_append_only();
-- The engine's own role gives up what it never needs; a superuser keeps it, and meets the triggers.
do $$ begin
    execute format('revoke update, delete, truncate on audit_log from %I', current_user);
    execute format('revoke delete, truncate on audit_head from %I', current_user);
end $$;

-- How a statement of a group says that what it expected is not so, which ends the group.
create function expect(met boolean, state text) returns bigint language plpgsql as $$
begin
    if met is not true then
        raise exception 'expected otherwise' using errcode = state;
    end if;
    return 1;
end $$;
