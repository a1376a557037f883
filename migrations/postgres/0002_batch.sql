-- The batch that a message came in and its place in it, such as `BATCH7 3/10`.
alter table messages add column batch text;
