-- What one data key has sealed is sealed with another, message by message; then the old one is destroyed. Control ids stay longer than
-- the rest and so have a key of their own.
create table key_reseals (
    id blob primary key,
    old_key blob not null,
    new_key blob not null,
    receipt_key blob,
    channel integer not null,
    seq integer not null,
    walks integer not null,
    resealed integer not null,
    begun_us integer not null,
    begun_by text not null,
    ended_us integer
) without rowid;
