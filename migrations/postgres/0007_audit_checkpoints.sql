-- The roots of the whole subtrees over the log's records (RFC 6962), the largest first.
alter table audit_head add column tree bytea;

-- Signed notes over the log as it was at one size. The same notes are appended to a file elsewhere.
create table audit_checkpoints (
    size bigint primary key,
    ts_us bigint not null,
    note text not null
);
create trigger audit_checkpoints_no_change before update or delete or truncate on audit_checkpoints
    for each statement execute function audit_is_append_only();
do $$ begin
    execute format('revoke update, delete, truncate on audit_checkpoints from %I', current_user);
end $$;
