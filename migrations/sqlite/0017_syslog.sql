-- How far the audit log has reached the syslog collector: the number of the first record that it is not known to have.
create table syslog_mark (
    one integer primary key check (one = 1),
    next_seq integer not null
);
