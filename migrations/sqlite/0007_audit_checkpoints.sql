-- The roots of the whole subtrees over the log's records (RFC 6962), the largest first.
alter table audit_head add column tree blob;

-- Signed notes over the log as it was at one size. The same notes are appended to a file elsewhere.
create table audit_checkpoints (
    size integer primary key,
    ts_us integer not null,
    note text not null
);
create trigger audit_checkpoints_no_update before update on audit_checkpoints begin select raise(abort, 'the audit log is append-only'); end;
create trigger audit_checkpoints_no_delete before delete on audit_checkpoints begin select raise(abort, 'the audit log is append-only'); end;
