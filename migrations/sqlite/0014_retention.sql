-- Retention: how far the messages of each channel have been gone through, for how long they stay, and how much has left.
create table retention (
    channel integer primary key references channels (id),
    bodies_us integer not null,
    dead_us integer not null,
    messages_us integer not null,
    bodies_max integer,
    bodies_seq integer not null,
    messages_seq integer not null,
    bodies_gone integer not null,
    messages_gone integer not null,
    ran_us integer not null,
    ordered_seq integer not null default 0,
    latest_us integer not null default 0
);

-- Messages behind `bodies_seq` that are still whole: something of them was open, dead or in use when they were passed.
create table kept_messages (
    channel integer not null,
    seq integer not null,
    primary key (channel, seq)
) without rowid;

-- While one is in force nothing of its channel leaves the store, or nothing at all.
create table legal_holds (
    id blob primary key,
    channel integer references channels (id),
    reason text not null,
    placed_by text not null,
    placed_us integer not null,
    lifted_by text,
    lifted_us integer
) without rowid;

-- The messages that are replayed from the bytes of another.
create index messages_by_body on messages (body) where body is not null;
-- Data keys in the order in which they were made, and a row keeps its size when its key is destroyed: the database never moves a row, so
-- no copy of a wrapped key is left where it does not look.
alter table data_keys rename to data_keys_before;
create table data_keys (
    n integer primary key,
    id blob not null unique,
    purpose integer not null,
    channel integer not null,
    day integer not null,
    kek_id blob not null,
    wrapped blob not null,
    commitment blob not null,
    created_us integer not null,
    destroyed_us integer not null default 9223372036854775807
);
insert into data_keys (id, purpose, channel, day, kek_id, wrapped, commitment, created_us)
    select id, purpose, channel, day, kek_id, wrapped, commitment, created_us from data_keys_before order by created_us, id;
drop table data_keys_before;
create index data_keys_by_day on data_keys (channel, purpose, day);

-- When a message came to rest, and who still needs its bytes.
create view message_rest as
select m.channel, m.seq, m.id, m.received_us, m.final_us, m.superseded_by,
    case when m.disposition = 10 then 1 else 0 end as is_open,
    case when m.disposition = 25 and m.reason_code is not null and m.superseded_by is null then 1
        when exists (select 1 from deliveries d where d.message = m.id and d.state = 21 and d.superseded_by is null) then 1
        else 0 end as is_dead,
    (select coalesce(max(d.changed_us), 0) from deliveries d where d.message = m.id and d.state = 22) as discarded_us,
    (select d.superseded_by from deliveries d where d.message = m.id and d.superseded_by is not null
        order by d.superseded_by desc limit 1) as delivery_superseded_by,
    (select coalesce(max(r.seq), 0) from (select m.id as id union all
        select d.id from deliveries d where d.message = m.id and d.own_body <> 0) b join messages r on r.body = b.id) as used_seq,
    (select count(*) from (select m.id as id union all
        select d.id from deliveries d where d.message = m.id and d.own_body <> 0) b join messages r on r.body = b.id
        join kept_messages k on k.channel = r.channel and k.seq = r.seq) as used_by_kept
from messages m;
