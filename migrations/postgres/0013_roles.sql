-- Roles that the site has made; those that are built in are in the program. `permissions` is a JSON list of dotted names.
create table roles (
    name text primary key,
    doc text not null,
    permissions text not null,
    created_us bigint not null,
    created_by text not null,
    changed_us bigint not null
);
