-- The public halves of the keys that seal the audit log, each for the records from `first_seq` on. The private half of the newest one is in a
-- file; those of the others are gone. `proof` is keyed with a secret of the store: whoever can only write here cannot make such a row.
create table audit_epochs (
    number bigint primary key,
    public bytea not null,
    first_seq bigint not null,
    created_us bigint not null,
    proof bytea not null
);
create trigger audit_epochs_no_change before update or delete or truncate on audit_epochs
    for each statement execute function audit_is_append_only();
do $$ begin
    execute format('revoke update, delete, truncate on audit_epochs from %I', current_user);
end $$;
