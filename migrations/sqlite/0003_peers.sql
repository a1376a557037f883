-- Who may connect, and which authorities prove who somebody is. Nothing here is ever deleted: a key, a name or a serial that was once
-- known stays known, so that it cannot come back as somebody else's.

-- Certificates of authorities: our own roots, with their sealed private keys, and those of others.
create table authorities (
    id blob primary key,
    name text not null unique,
    kind integer not null,
    certificate blob not null,
    spki blob not null unique,
    private_key blob,
    crl_path text,
    crl blob,
    crl_number integer not null,
    crl_until_us integer,
    until_us integer,
    created_us integer not null,
    created_by text not null,
    changed_us integer not null,
    changed_by text not null
) without rowid;
create trigger authorities_no_delete before delete on authorities begin select raise(abort, 'nothing is deleted from the registry'); end;

-- Certificates that our roots have issued.
create table certificates (
    serial blob primary key,
    authority blob not null references authorities (id),
    name text not null,
    certificate blob not null,
    until_us integer not null,
    created_us integer not null,
    created_by text not null,
    revoked_us integer,
    revoked_by text
) without rowid;
create index certificates_by_name on certificates (name, created_us);
create trigger certificates_no_delete before delete on certificates begin select raise(abort, 'nothing is deleted from the registry'); end;
create trigger certificates_stay_revoked before update on certificates when old.revoked_us is not null
begin select raise(abort, 'a revoked certificate stays revoked'); end;

-- The systems that may connect. Lists are JSON; no list of channels means every channel.
create table peers (
    name text primary key,
    state integer not null,
    channels text,
    applications text not null,
    facilities text not null,
    sources text not null,
    created_us integer not null,
    created_by text not null,
    changed_us integer not null,
    changed_by text not null
) without rowid;
create trigger peers_no_delete before delete on peers begin select raise(abort, 'nothing is deleted from the registry'); end;
create trigger peers_stay_revoked before update on peers when old.state = 12
begin select raise(abort, 'a revoked peer stays revoked'); end;

-- The public keys by which peers are known, each of one peer for ever.
create table peer_keys (
    spki blob primary key,
    peer text not null references peers (name),
    certificate blob,
    until_us integer,
    created_us integer not null,
    created_by text not null
) without rowid;
create index peer_keys_by_peer on peer_keys (peer, created_us);
create trigger peer_keys_no_delete before delete on peer_keys begin select raise(abort, 'nothing is deleted from the registry'); end;
create trigger peer_keys_stay before update on peer_keys when new.spki <> old.spki or new.peer <> old.peer
begin select raise(abort, 'a key belongs to one peer for ever'); end;
