-- Application acknowledgements that come as messages of their own, in both directions.

-- Messages whose senders are still owed one.
create table owed_acks (
    message blob primary key,
    channel integer not null,
    seq integer not null
) without rowid;
create index owed_acks_by_channel on owed_acks (channel, seq);

-- Deliveries that their receivers have committed, and the message that ended the wait for more.
create table awaited_acks (
    delivery blob primary key,
    message blob not null,
    destination integer not null,
    token blob not null,
    sent_us integer not null,
    deadline_us integer not null,
    ack blob
) without rowid;
create index awaited_acks_open on awaited_acks (destination, deadline_us) where ack is null;

-- Those that came in, and the delivery that each ended.
create table arrived_acks (
    message blob primary key,
    token blob not null,
    received_us integer not null,
    delivery blob
) without rowid;
create index arrived_acks_open on arrived_acks (token, received_us) where delivery is null;
