-- What messages can be found by: keyed tokens of a few values, each under the day on which its message came, so that what comes together
-- lies together. They are written after the messages, up to the number in `search_marks`.
create table search_tokens (
    channel bigint not null,
    day bigint not null,
    token bytea not null,
    seq bigint not null,
    primary key (channel, day, token, seq)
);
create table search_marks (
    channel bigint primary key references channels (id),
    seq bigint not null
);
