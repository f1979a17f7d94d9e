-- sqlfluff:dialect:postgres
-- Notes that somebody other than the publisher changed rows of a table: the next publication
-- sends it again. With the rights of its owner: whoever may write the table need not be allowed to
-- write the note.
create or replace function _mark_touched() returns trigger
language plpgsql security definer set search_path = pg_catalog as
$$
begin
    if current_setting('feedback.publishing', true) is distinct from 'on' then
        execute format('insert into %I._touched values ($1) on conflict do nothing', tg_table_schema)
        using tg_table_name;
    end if;
    return null;
end
$$
