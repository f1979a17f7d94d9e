-- sqlfluff:dialect:postgres
-- The rows that the last VACUUM of each table found dead and could not remove: an older snapshot
-- may see them, or a query was reading their page. Writes since then count as well.
select
    relname::text as table_name,
    -- Long values are in a table of their own.
    pg_stat_get_dead_tuples(oid)
    + coalesce(pg_stat_get_dead_tuples(nullif(reltoastrelid, 0)), 0) as dead_rows
from pg_class
where
    relnamespace = to_regnamespace(current_schema())
    and relkind in ('r', 'p')
