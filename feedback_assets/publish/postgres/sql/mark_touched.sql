-- sqlfluff:dialect:postgres
-- Records that somebody other than the publisher changed rows of a table: the next publication
-- sends it again. Runs with the rights of its owner: those who write to the table may have no right
-- to write to _touched. Always inserts a row of its own: the record of an earlier change may be
-- deleted by a publication that does not see this change.
create or replace function _mark_touched() returns trigger
language plpgsql security definer set search_path = pg_catalog as
$$
begin
    if current_setting('feedback.publishing', true) is distinct from 'on' then
        execute format('insert into %I._touched values ($1)', tg_table_schema)
        using tg_table_name;
    end if;
    return null;
end
$$
