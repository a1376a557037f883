-- Retention: how far the messages of each channel have been gone through, for how long they stay, and how much has left.
create table retention (
    channel bigint primary key references channels (id),
    bodies_us bigint not null,
    dead_us bigint not null,
    messages_us bigint not null,
    bodies_max bigint,
    bodies_seq bigint not null,
    messages_seq bigint not null,
    bodies_gone bigint not null,
    messages_gone bigint not null,
    ran_us bigint not null,
    ordered_seq bigint not null default 0,
    latest_us bigint not null default 0
);

-- Messages behind `bodies_seq` that are still whole: something of them was open, dead or in use when they were passed.
create table kept_messages (
    channel bigint not null,
    seq bigint not null,
    primary key (channel, seq)
);

-- While one is in force nothing of its channel leaves the store, or nothing at all.
create table legal_holds (
    id uuid primary key,
    channel bigint references channels (id),
    reason text not null,
    placed_by text not null,
    placed_us bigint not null,
    lifted_by text,
    lifted_us bigint
);

-- The messages that are replayed from the bytes of another.
create index messages_by_body on messages (body) where body is not null;
-- What is not destroyed has a time that never comes, as in SQLite, where a row keeps its size.
update data_keys set destroyed_us = 9223372036854775807 where destroyed_us is null;
alter table data_keys alter column destroyed_us set not null;
alter table data_keys alter column destroyed_us set default 9223372036854775807;
alter table data_keys add column n bigint generated always as identity;
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
