-- What one data key has sealed is sealed with another, message by message; then the old one is destroyed. Control ids stay longer than
-- the rest and so have a key of their own.
create table key_reseals (
    id uuid primary key,
    old_key bytea not null,
    new_key bytea not null,
    receipt_key bytea,
    channel bigint not null,
    seq bigint not null,
    walks bigint not null,
    resealed bigint not null,
    begun_us bigint not null,
    begun_by text not null,
    ended_us bigint
);
