-- What messages can be found by: keyed tokens of a few values, each under the day on which its message came, so that what comes together
-- lies together. They are written after the messages, up to the number in `search_marks`.
create table search_tokens (
    channel integer not null,
    day integer not null,
    token blob not null,
    seq integer not null,
    primary key (channel, day, token, seq)
) without rowid;
create table search_marks (
    channel integer primary key references channels (id),
    seq integer not null
);
