-- Who may connect, and which authorities prove who somebody is. Nothing here is ever deleted: a key, a name or a serial that was once
-- known stays known, so that it cannot come back as somebody else's.

-- Certificates of authorities: our own roots, with their sealed private keys, and those of others.
create table authorities (
    id uuid primary key,
    name text not null unique,
    kind bigint not null,
    certificate bytea not null,
    spki bytea not null unique,
    private_key bytea,
    crl_path text,
    crl bytea,
    crl_number bigint not null,
    crl_until_us bigint,
    until_us bigint,
    created_us bigint not null,
    created_by text not null,
    changed_us bigint not null,
    changed_by text not null
);

-- Certificates that our roots have issued.
create table certificates (
    serial bytea primary key,
    authority uuid not null references authorities (id),
    name text not null,
    certificate bytea not null,
    until_us bigint not null,
    created_us bigint not null,
    created_by text not null,
    revoked_us bigint,
    revoked_by text
);
create index certificates_by_name on certificates (name, created_us);

-- The systems that may connect. Lists are JSON; no list of channels means every channel.
create table peers (
    name text primary key,
    state bigint not null,
    channels text,
    applications text not null,
    facilities text not null,
    sources text not null,
    created_us bigint not null,
    created_by text not null,
    changed_us bigint not null,
    changed_by text not null
);

-- The public keys by which peers are known, each of one peer for ever.
create table peer_keys (
    spki bytea primary key,
    peer text not null references peers (name),
    certificate bytea,
    until_us bigint,
    created_us bigint not null,
    created_by text not null
);
create index peer_keys_by_peer on peer_keys (peer, created_us);

create function registry_is_kept() returns trigger language plpgsql as $$
begin
    raise exception 'nothing is deleted from the registry';
end $$;
create trigger authorities_no_delete before delete or truncate on authorities for each statement execute function registry_is_kept();
create trigger certificates_no_delete before delete or truncate on certificates for each statement execute function registry_is_kept();
create trigger peers_no_delete before delete or truncate on peers for each statement execute function registry_is_kept();
create trigger peer_keys_no_delete before delete or truncate on peer_keys for each statement execute function registry_is_kept();

create function registry_is_final() returns trigger language plpgsql as $$
begin
    raise exception 'what is revoked stays revoked, and a key belongs to one peer for ever';
end $$;
create trigger certificates_stay_revoked before update on certificates for each row
    when (old.revoked_us is not null) execute function registry_is_final();
create trigger peers_stay_revoked before update on peers for each row
    when (old.state = 12) execute function registry_is_final();
create trigger peer_keys_stay before update on peer_keys for each row
    when (new.spki <> old.spki or new.peer <> old.peer) execute function registry_is_final();
do $$ begin
    execute format('revoke delete, truncate on authorities, certificates, peers, peer_keys from %I', current_user);
end $$;
