-- Application acknowledgements that come as messages of their own, in both directions.

-- Messages whose senders are still owed one.
create table owed_acks (
    message uuid primary key,
    channel bigint not null,
    seq bigint not null
);
create index owed_acks_by_channel on owed_acks (channel, seq);

-- Deliveries that their receivers have committed, and the message that ended the wait for more.
create table awaited_acks (
    delivery uuid primary key,
    message uuid not null,
    destination bigint not null,
    token bytea not null,
    sent_us bigint not null,
    deadline_us bigint not null,
    ack uuid
);
create index awaited_acks_open on awaited_acks (destination, deadline_us) where ack is null;

-- Those that came in, and the delivery that each ended.
create table arrived_acks (
    message uuid primary key,
    token bytea not null,
    received_us bigint not null,
    delivery uuid
);
create index arrived_acks_open on arrived_acks (token, received_us) where delivery is null;
