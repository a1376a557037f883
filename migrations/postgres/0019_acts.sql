-- Long acts of people: what is to be done, how fast, and how far it is. `next` is the number of the next item, from 0.
create table jobs (
    id uuid primary key,
    kind bigint not null,
    state bigint not null,
    as_sent bigint not null,
    destinations text not null,
    channels text not null,
    scope text,
    reason text not null,
    rate bigint not null,
    total bigint not null,
    next bigint not null,
    done bigint not null,
    refused bigint not null,
    actor_kind text not null,
    actor_id text not null,
    actor_name text,
    approval uuid,
    token bytea unique,
    error text,
    begun_us bigint not null,
    ended_us bigint
);
create index jobs_at_work on jobs (state) where state < 20;

-- What a job is for, in the order in which it is done: 17 bytes a letter, a kind and an id. They go when the job ends.
create table job_letters (
    job uuid not null,
    page bigint not null,
    letters bytea not null,
    primary key (job, page)
);

-- What became of each letter of a job: the new message, or why there is none.
create table job_outcomes (
    job uuid not null,
    n bigint not null,
    letter uuid not null,
    message uuid,
    refused text,
    primary key (job, n)
);

-- A source that a person has stopped stays so until a person starts it.
alter table channels add column stopped_us bigint;
alter table channels add column stopped_by text;
alter table channels add column stopped_reason text;

-- Dead letters counted by what they have in common, so that their list costs what it shows. Destination 0 is for messages that failed
-- without deliveries, step -1 and an empty signature for none. Kept by the triggers below.
create table dead_groups (
    channel bigint not null,
    destination bigint not null,
    code text not null,
    step bigint not null,
    signature bytea not null,
    n bigint not null,
    primary key (channel, destination, code, step, signature)
);
insert into dead_groups (channel, destination, code, step, signature, n)
    select channel, destination, coalesce(reason_code, ''), coalesce(reason_step, -1), coalesce(signature, ''::bytea), count(*)
    from deliveries where state = 21 and superseded_by is null group by 1, 2, 3, 4, 5;
insert into dead_groups (channel, destination, code, step, signature, n)
    select channel, 0, reason_code, coalesce(reason_step, -1), coalesce(signature, ''::bytea), count(*)
    from messages where disposition = 25 and reason_code is not null and superseded_by is null group by 1, 2, 3, 4, 5;
create index deliveries_dead_by_fault on deliveries (channel, destination, coalesce(reason_code, ''), coalesce(signature, ''::bytea), id)
    where state = 21 and superseded_by is null;
create index deliveries_dead_by_time on deliveries (channel, destination, coalesce(reason_code, ''), coalesce(signature, ''::bytea), changed_us)
    where state = 21 and superseded_by is null;
create index messages_failed_by_fault on messages (channel, reason_code, coalesce(signature, ''::bytea), id)
    where disposition = 25 and reason_code is not null and superseded_by is null;
create index messages_failed_by_time on messages (channel, reason_code, coalesce(signature, ''::bytea), final_us)
    where disposition = 25 and reason_code is not null and superseded_by is null;

create function dead_letter_added(of_channel bigint, at bigint, of_code text, at_step bigint, signed bytea) returns void language sql as $$
    insert into dead_groups (channel, destination, code, step, signature, n)
        values (of_channel, at, coalesce(of_code, ''), coalesce(at_step, -1), coalesce(signed, ''::bytea), 1)
        on conflict (channel, destination, code, step, signature) do update set n = dead_groups.n + 1
$$;
create function dead_letter_taken(of_channel bigint, at bigint, of_code text, at_step bigint, signed bytea) returns void language sql as $$
    update dead_groups set n = n - 1 where channel = of_channel and destination = at and code = coalesce(of_code, '')
        and step = coalesce(at_step, -1) and signature = coalesce(signed, ''::bytea);
    delete from dead_groups where channel = of_channel and destination = at and code = coalesce(of_code, '')
        and step = coalesce(at_step, -1) and signature = coalesce(signed, ''::bytea) and n <= 0
$$;
create function delivery_dead_added() returns trigger language plpgsql as $$
begin
    perform dead_letter_added(new.channel, new.destination, new.reason_code, new.reason_step, new.signature);
    return null;
end $$;
-- Many rows may come with one statement, such as those of a copy: they are counted together.
create function deliveries_dead_counted() returns trigger language plpgsql as $$
begin
    insert into dead_groups (channel, destination, code, step, signature, n)
        select channel, destination, coalesce(reason_code, ''), coalesce(reason_step, -1), coalesce(signature, ''::bytea), count(*)
        from made where state = 21 and superseded_by is null group by 1, 2, 3, 4, 5
        on conflict (channel, destination, code, step, signature) do update set n = dead_groups.n + excluded.n;
    return null;
end $$;
create function messages_failed_counted() returns trigger language plpgsql as $$
begin
    insert into dead_groups (channel, destination, code, step, signature, n)
        select channel, 0, reason_code, coalesce(reason_step, -1), coalesce(signature, ''::bytea), count(*)
        from made where disposition = 25 and reason_code is not null and superseded_by is null group by 1, 3, 4, 5
        on conflict (channel, destination, code, step, signature) do update set n = dead_groups.n + excluded.n;
    return null;
end $$;
create function delivery_dead_taken() returns trigger language plpgsql as $$
begin
    perform dead_letter_taken(old.channel, old.destination, old.reason_code, old.reason_step, old.signature);
    return null;
end $$;
create function message_failed_added() returns trigger language plpgsql as $$
begin
    perform dead_letter_added(new.channel, 0, new.reason_code, new.reason_step, new.signature);
    return null;
end $$;
create function message_failed_taken() returns trigger language plpgsql as $$
begin
    perform dead_letter_taken(old.channel, 0, old.reason_code, old.reason_step, old.signature);
    return null;
end $$;
create trigger deliveries_dead_made after insert on deliveries referencing new table as made for each statement
    execute function deliveries_dead_counted();
create trigger deliveries_dead_added after update of state, superseded_by on deliveries for each row
    when (new.state = 21 and new.superseded_by is null and not (old.state = 21 and old.superseded_by is null))
    execute function delivery_dead_added();
create trigger deliveries_dead_taken after update of state, superseded_by on deliveries for each row
    when (old.state = 21 and old.superseded_by is null and not (new.state = 21 and new.superseded_by is null))
    execute function delivery_dead_taken();
create trigger deliveries_dead_gone after delete on deliveries for each row
    when (old.state = 21 and old.superseded_by is null) execute function delivery_dead_taken();
create trigger messages_failed_made after insert on messages referencing new table as made for each statement
    execute function messages_failed_counted();
create trigger messages_failed_added after update of disposition, reason_code, superseded_by on messages for each row
    when (new.disposition = 25 and new.reason_code is not null and new.superseded_by is null
    and not (old.disposition = 25 and old.reason_code is not null and old.superseded_by is null)) execute function message_failed_added();
create trigger messages_failed_taken after update of disposition, reason_code, superseded_by on messages for each row
    when (old.disposition = 25 and old.reason_code is not null and old.superseded_by is null
    and not (new.disposition = 25 and new.reason_code is not null and new.superseded_by is null)) execute function message_failed_taken();
create trigger messages_failed_gone after delete on messages for each row
    when (old.disposition = 25 and old.reason_code is not null and old.superseded_by is null) execute function message_failed_taken();
