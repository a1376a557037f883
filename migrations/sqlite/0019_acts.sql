-- Long acts of people: what is to be done, how fast, and how far it is. `next` is the number of the next item, from 0.
create table jobs (
    id blob primary key,
    kind integer not null,
    state integer not null,
    as_sent integer not null,
    destinations text not null,
    channels text not null,
    scope text,
    reason text not null,
    rate integer not null,
    total integer not null,
    next integer not null,
    done integer not null,
    refused integer not null,
    actor_kind text not null,
    actor_id text not null,
    actor_name text,
    approval blob,
    token blob unique,
    error text,
    begun_us integer not null,
    ended_us integer
) without rowid;
create index jobs_at_work on jobs (state) where state < 20;

-- What a job is for, in the order in which it is done: 17 bytes a letter, a kind and an id. They go when the job ends.
create table job_letters (
    job blob not null,
    page integer not null,
    letters blob not null,
    primary key (job, page)
) without rowid;

-- What became of each letter of a job: the new message, or why there is none.
create table job_outcomes (
    job blob not null,
    n integer not null,
    letter blob not null,
    message blob,
    refused text,
    primary key (job, n)
) without rowid;

-- A source that a person has stopped stays so until a person starts it.
alter table channels add column stopped_us integer;
alter table channels add column stopped_by text;
alter table channels add column stopped_reason text;

-- Dead letters counted by what they have in common, so that their list costs what it shows. Destination 0 is for messages that failed
-- without deliveries, step -1 and an empty signature for none. Kept by the triggers below.
create table dead_groups (
    channel integer not null,
    destination integer not null,
    code text not null,
    step integer not null,
    signature blob not null,
    n integer not null,
    primary key (channel, destination, code, step, signature)
) without rowid;
insert into dead_groups (channel, destination, code, step, signature, n)
    select channel, destination, coalesce(reason_code, ''), coalesce(reason_step, -1), coalesce(signature, x''), count(*)
    from deliveries where state = 21 and superseded_by is null group by 1, 2, 3, 4, 5;
insert into dead_groups (channel, destination, code, step, signature, n)
    select channel, 0, reason_code, coalesce(reason_step, -1), coalesce(signature, x''), count(*)
    from messages where disposition = 25 and reason_code is not null and superseded_by is null group by 1, 2, 3, 4, 5;
create index deliveries_dead_by_fault on deliveries (channel, destination, coalesce(reason_code, ''), coalesce(signature, x''), id)
    where state = 21 and superseded_by is null;
create index deliveries_dead_by_time on deliveries (channel, destination, coalesce(reason_code, ''), coalesce(signature, x''), changed_us)
    where state = 21 and superseded_by is null;
create index messages_failed_by_fault on messages (channel, reason_code, coalesce(signature, x''), id)
    where disposition = 25 and reason_code is not null and superseded_by is null;
create index messages_failed_by_time on messages (channel, reason_code, coalesce(signature, x''), final_us)
    where disposition = 25 and reason_code is not null and superseded_by is null;

create trigger deliveries_dead_made after insert on deliveries when new.state = 21 and new.superseded_by is null begin
    insert into dead_groups (channel, destination, code, step, signature, n) values
        (new.channel, new.destination, coalesce(new.reason_code, ''), coalesce(new.reason_step, -1), coalesce(new.signature, x''), 1)
        on conflict (channel, destination, code, step, signature) do update set n = n + 1;
end;
create trigger deliveries_dead_added after update of state, superseded_by on deliveries
    when new.state = 21 and new.superseded_by is null and not (old.state = 21 and old.superseded_by is null) begin
    insert into dead_groups (channel, destination, code, step, signature, n) values
        (new.channel, new.destination, coalesce(new.reason_code, ''), coalesce(new.reason_step, -1), coalesce(new.signature, x''), 1)
        on conflict (channel, destination, code, step, signature) do update set n = n + 1;
end;
create trigger deliveries_dead_taken after update of state, superseded_by on deliveries
    when old.state = 21 and old.superseded_by is null and not (new.state = 21 and new.superseded_by is null) begin
    update dead_groups set n = n - 1 where channel = old.channel and destination = old.destination and code = coalesce(old.reason_code, '')
        and step = coalesce(old.reason_step, -1) and signature = coalesce(old.signature, x'');
    delete from dead_groups where channel = old.channel and destination = old.destination and code = coalesce(old.reason_code, '')
        and step = coalesce(old.reason_step, -1) and signature = coalesce(old.signature, x'') and n <= 0;
end;
create trigger deliveries_dead_gone after delete on deliveries when old.state = 21 and old.superseded_by is null begin
    update dead_groups set n = n - 1 where channel = old.channel and destination = old.destination and code = coalesce(old.reason_code, '')
        and step = coalesce(old.reason_step, -1) and signature = coalesce(old.signature, x'');
    delete from dead_groups where channel = old.channel and destination = old.destination and code = coalesce(old.reason_code, '')
        and step = coalesce(old.reason_step, -1) and signature = coalesce(old.signature, x'') and n <= 0;
end;
create trigger messages_failed_made after insert on messages
    when new.disposition = 25 and new.reason_code is not null and new.superseded_by is null begin
    insert into dead_groups (channel, destination, code, step, signature, n) values
        (new.channel, 0, new.reason_code, coalesce(new.reason_step, -1), coalesce(new.signature, x''), 1)
        on conflict (channel, destination, code, step, signature) do update set n = n + 1;
end;
create trigger messages_failed_added after update of disposition, reason_code, superseded_by on messages
    when new.disposition = 25 and new.reason_code is not null and new.superseded_by is null
    and not (old.disposition = 25 and old.reason_code is not null and old.superseded_by is null) begin
    insert into dead_groups (channel, destination, code, step, signature, n) values
        (new.channel, 0, new.reason_code, coalesce(new.reason_step, -1), coalesce(new.signature, x''), 1)
        on conflict (channel, destination, code, step, signature) do update set n = n + 1;
end;
create trigger messages_failed_taken after update of disposition, reason_code, superseded_by on messages
    when old.disposition = 25 and old.reason_code is not null and old.superseded_by is null
    and not (new.disposition = 25 and new.reason_code is not null and new.superseded_by is null) begin
    update dead_groups set n = n - 1 where channel = old.channel and destination = 0 and code = old.reason_code
        and step = coalesce(old.reason_step, -1) and signature = coalesce(old.signature, x'');
    delete from dead_groups where channel = old.channel and destination = 0 and code = old.reason_code
        and step = coalesce(old.reason_step, -1) and signature = coalesce(old.signature, x'') and n <= 0;
end;
create trigger messages_failed_gone after delete on messages
    when old.disposition = 25 and old.reason_code is not null and old.superseded_by is null begin
    update dead_groups set n = n - 1 where channel = old.channel and destination = 0 and code = old.reason_code
        and step = coalesce(old.reason_step, -1) and signature = coalesce(old.signature, x'');
    delete from dead_groups where channel = old.channel and destination = 0 and code = old.reason_code
        and step = coalesce(old.reason_step, -1) and signature = coalesce(old.signature, x'') and n <= 0;
end;
