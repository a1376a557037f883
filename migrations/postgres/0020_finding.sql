-- What stands in the plain columns of 256 messages that came one after the other, each value once: what few messages have is looked for
-- only where it is. Written with the tokens, after the messages, up to the number in `search_marks`.
create table search_blocks (
    channel bigint not null,
    fact text collate "C" not null,
    block bigint not null,
    primary key (channel, fact, block)
);
insert into search_blocks (channel, fact, block)
    select channel, 'kind ' || kind, seq / 256 from messages
    union select channel, 'application ' || application, seq / 256 from messages
    union select channel, 'facility ' || facility, seq / 256 from messages
    union select channel, 'ack ' || ack_code, seq / 256 from messages
    union select channel, 'origin ' || origin::text, seq / 256 from messages
    union select channel, 'undecided', seq / 256 from messages where revision is null
    union select channel, 'destination ' || destination::text, seq / 256 from deliveries;

-- What did not go the usual way is rare, so an index of it costs what does go it nothing.
create index messages_unusual on messages (channel, disposition, seq) where disposition > 20;
create index messages_by_reason on messages (channel, reason_code, seq) where reason_code is not null;
create index deliveries_given_up on deliveries (channel, seq) where state = 21 and superseded_by is null;
create index deliveries_by_reason on deliveries (channel, reason_code, seq) where reason_code is not null;

-- Who looked at a message.
create index audit_log_by_target on audit_log (target_id, seq) where target_id is not null;

-- Searches that people keep. A search may hold the number of a patient, so what it says is sealed.
create table saved_views (
    id uuid primary key,
    owner text not null,
    shared bigint not null,
    content bytea not null,
    created_us bigint not null,
    changed_us bigint not null
);
create index saved_views_by_owner on saved_views (owner);
