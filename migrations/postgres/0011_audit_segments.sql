-- Records whose time was over are taken out of the log, from its beginning up to a checkpoint: what the log was there, and the file in which
-- they are kept. The log goes on from the newest of these rows; a record in it says the same.
create table audit_segments (
    next_seq bigint primary key,
    first_seq bigint not null,
    chain bytea not null,
    tree bytea not null,
    note text not null,
    file text not null,
    sha256 bytea not null,
    archived_us bigint not null
);
create trigger audit_segments_no_change before update or delete or truncate on audit_segments
    for each statement execute function audit_is_append_only();

-- What stays cannot be deleted, as before.
create function audit_log_stays() returns trigger language plpgsql as $$
begin
    if old.seq >= (select coalesce(max(next_seq), 0) from audit_segments) then
        raise exception 'the audit log is append-only';
    end if;
    return old;
end $$;
create function audit_checkpoint_stays() returns trigger language plpgsql as $$
begin
    if old.size >= (select coalesce(max(next_seq), 0) from audit_segments) then
        raise exception 'the audit log is append-only';
    end if;
    return old;
end $$;
drop trigger audit_log_no_change on audit_log;
create trigger audit_log_no_change before update or truncate on audit_log
    for each statement execute function audit_is_append_only();
create trigger audit_log_no_delete before delete on audit_log for each row execute function audit_log_stays();
drop trigger audit_checkpoints_no_change on audit_checkpoints;
create trigger audit_checkpoints_no_change before update or truncate on audit_checkpoints
    for each statement execute function audit_is_append_only();
create trigger audit_checkpoints_no_delete before delete on audit_checkpoints for each row execute function audit_checkpoint_stays();

-- The one way in which records leave: their owner lends itself the right to delete for as long as that takes.
create function audit_take_out(cut bigint) returns bigint language plpgsql security definer as $$
declare
    taken bigint;
begin
    execute format('grant delete on audit_log, audit_checkpoints to %I', current_user);
    delete from audit_checkpoints where size < cut;
    delete from audit_log where seq < cut;
    get diagnostics taken = row_count;
    execute format('revoke delete on audit_log, audit_checkpoints from %I', current_user);
    return taken;
end $$;
do $$ begin
    execute format('revoke update, delete, truncate on audit_segments from %I', current_user);
    -- With the tables that were there when it was made, whatever the caller's search path.
    execute format('alter function audit_take_out(bigint) set search_path from current');
end $$;
