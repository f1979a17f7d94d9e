-- sqlfluff:dialect:postgres
-- What was published, written in the same transaction as the rows: a partition whose hash is the
-- same is not sent. day is null for a table without days.
create table if not exists _partitions (
    table_name text not null,
    day date,
    content_hash text not null,
    file_mark text not null,
    row_count bigint not null,
    unique nulls not distinct (table_name, day)
);
comment on table _partitions is
'What was published, by table and day; maintained by feedback-assets publish';

-- The roles that can read the marts, including those published later.
create table if not exists _readers (role text primary key);
comment on table _readers is 'The roles of feedback-assets publish --grant-to';

-- The tables whose rows somebody else has changed since they were published, a row for each change.
create table if not exists _touched (table_name text not null);
-- Version 0.2.0 had a key.
alter table _touched drop constraint if exists _touched_pkey;
comment on table _touched is 'Tables that somebody else changed; the next publication repairs them';

-- For readers: how fresh the tables are, even if nothing has changed.
create table if not exists _publications (
    published_at timestamptz primary key,
    partition_count bigint not null,
    row_count bigint not null,
    newest_day date
);
comment on table _publications is
'When the tables were last brought up to date, even if nothing had changed';
