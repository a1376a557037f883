-- Who is recognised by a directory, by what stays the same there when they are renamed (hexadecimal). They have no password here.
alter table users add column subject text;
create unique index users_by_subject on users (subject) where subject is not null;
