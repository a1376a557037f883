-- The public halves of the keys that seal the audit log, each for the records from `first_seq` on. The private half of the newest one is in a
-- file; those of the others are gone. `proof` is keyed with a secret of the store: whoever can only write here cannot make such a row.
create table audit_epochs (
    number integer primary key,
    public blob not null,
    first_seq integer not null,
    created_us integer not null,
    proof blob not null
);
create trigger audit_epochs_no_update before update on audit_epochs begin select raise(abort, 'the audit log is append-only'); end;
create trigger audit_epochs_no_delete before delete on audit_epochs begin select raise(abort, 'the audit log is append-only'); end;
