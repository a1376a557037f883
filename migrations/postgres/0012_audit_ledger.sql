-- How far the audit log knows the messages: up to which one of each channel it holds a digest of their receipts, and of their attempts.
create table audit_ledger (
    channel bigint primary key references channels (id),
    received_seq bigint not null,
    settled_seq bigint not null
);
