-- Records whose time was over are taken out of the log, from its beginning up to a checkpoint: what the log was there, and the file in which
-- they are kept. The log goes on from the newest of these rows; a record in it says the same.
create table audit_segments (
    next_seq integer primary key,
    first_seq integer not null,
    chain blob not null,
    tree blob not null,
    note text not null,
    file text not null,
    sha256 blob not null,
    archived_us integer not null
);
create trigger audit_segments_no_update before update on audit_segments begin select raise(abort, 'the audit log is append-only'); end;
create trigger audit_segments_no_delete before delete on audit_segments begin select raise(abort, 'the audit log is append-only'); end;

-- What stays cannot be deleted, as before.
drop trigger audit_log_no_delete;
create trigger audit_log_no_delete before delete on audit_log when old.seq >= (select coalesce(max(next_seq), 0) from audit_segments)
begin select raise(abort, 'the audit log is append-only'); end;
drop trigger audit_checkpoints_no_delete;
create trigger audit_checkpoints_no_delete before delete on audit_checkpoints when old.size >= (select coalesce(max(next_seq), 0) from audit_segments)
begin select raise(abort, 'the audit log is append-only'); end;
