-- The store of one engine. Times are microseconds UTC, ids are UUIDv7 in 16 bytes, codes are those of store/src/state.rs.
-- Rows are written so that an update keeps its size: what is filled in later starts with a value of the same width.

create table schema_version (
    version integer primary key,
    applied_us integer not null
);

-- Facts about the store itself: log_id, kek_id, clean.
create table meta (
    name text primary key,
    value blob not null
) without rowid;

-- Data keys, wrapped by the store key.
create table data_keys (
    id blob primary key,
    purpose integer not null,
    channel integer not null,
    day integer not null,
    kek_id blob not null,
    wrapped blob not null,
    commitment blob not null,
    created_us integer not null,
    destroyed_us integer
) without rowid;

create table channels (
    id integer primary key,
    name text not null unique,
    revision integer,
    created_us integer not null
);

create table channel_owner (
    channel integer primary key references channels (id),
    node text not null,
    epoch integer not null,
    since_us integer not null
);

create table destinations (
    id integer primary key,
    channel integer not null references channels (id),
    name text not null,
    held_us integer,
    removed_us integer,
    created_us integer not null,
    unique (channel, name)
);

-- What handled messages: the texts themselves, so that a trace can be recomputed years later.
create table revisions (
    id integer primary key,
    channel integer not null references channels (id),
    hash blob not null,
    text text not null,
    tables text not null,
    author text not null,
    reason text,
    engine_version text not null,
    created_us integer not null
);
create index revisions_by_channel on revisions (channel, id);

create table messages (
    id blob primary key,
    channel integer not null,
    seq integer not null,
    received_us integer not null,
    origin integer not null,
    parent blob,
    trace blob,
    peer text not null,
    application text not null,
    facility text not null,
    kind text not null,
    version text not null,
    charset text not null,
    control_id blob not null,
    control_token blob not null,
    digest blob not null,
    duplicate integer,
    bytes integer not null,
    body blob,
    lone_lf integer not null,
    ack_code text not null,
    disposition integer not null,
    final_us integer not null,
    tries integer not null,
    revision integer,
    reason_code text,
    reason_step integer,
    signature blob,
    error blob,
    superseded_by blob
) without rowid;
create unique index messages_by_seq on messages (channel, seq);
create index messages_undecided on messages (channel, seq) where revision is null;
create index messages_failed on messages (channel, id) where disposition = 25 and reason_code is not null and superseded_by is null;
create index messages_by_parent on messages (parent) where parent is not null;

-- Sealed bytes, once: of a message under its id, of a delivery whose bytes differ under its own.
create table bodies (
    id blob not null unique,
    blob blob not null
);

create table deliveries (
    message blob not null,
    id blob not null,
    channel integer not null,
    destination integer not null,
    seq integer not null,
    part integer not null,
    own_body integer not null,
    lane blob not null,
    state integer not null,
    changed_us integer not null,
    next_us integer not null,
    tried_us integer not null,
    tries integer not null,
    answered_tries integer not null,
    first_answered_us integer,
    reason_code text,
    reason_step integer,
    signature blob,
    error blob,
    superseded_by blob,
    primary key (message, id)
) without rowid;
create unique index deliveries_by_id on deliveries (id);
create index deliveries_open on deliveries (destination, seq, part, state) where state < 20;
create index deliveries_dead on deliveries (channel, destination, id) where state = 21 and superseded_by is null;

-- Further lanes of a delivery that holds several.
create table delivery_keys (
    delivery blob not null,
    n integer not null,
    lane blob not null,
    primary key (delivery, n)
) without rowid;

-- The trace: one row a try.
create table attempts (
    message blob not null,
    delivery blob not null,
    started_us integer not null,
    duration_us integer not null,
    peer text not null,
    code text not null,
    answered integer not null,
    response blob,
    error blob,
    primary key (message, delivery, started_us)
) without rowid;

-- The duplicate window: the token is the row number, so that finding and adding touch one page.
create table dups (
    token integer primary key,
    message blob not null
);

create table counters (
    hour integer not null,
    channel integer not null,
    destination integer not null,
    what integer not null,
    n integer not null,
    primary key (hour, channel, destination, what)
) without rowid;

-- What a repeated request with the same idempotency token answers.
create table act_tokens (
    token blob primary key,
    result text not null,
    created_us integer not null
) without rowid;

create table audit_log (
    seq integer primary key,
    ts_us integer not null,
    actor_id text not null,
    action text not null,
    channel_id text,
    target_id text,
    outcome text not null,
    rec blob not null,
    leaf blob not null,
    chain blob not null,
    seal blob,
    epoch integer
);
create trigger audit_log_no_update before update on audit_log begin select raise(abort, 'the audit log is append-only'); end;
create trigger audit_log_no_delete before delete on audit_log begin select raise(abort, 'the audit log is append-only'); end;

-- The end of the chain; one row.
create table audit_head (
    one integer primary key check (one = 1),
    next_seq integer not null,
    chain blob not null
);
create trigger audit_head_no_delete before delete on audit_head begin select raise(abort, 'the audit log is append-only'); end;

-- Never holds a row: inserting is how a statement of a group says that what it expected is not so, which ends the group.
create table expectations (
    failed integer not null check (failed = 0)
);
