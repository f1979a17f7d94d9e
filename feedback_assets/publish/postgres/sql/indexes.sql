-- sqlfluff:dialect:postgres
-- The indexes of these tables, those of keys included.
select
    tables.relname::text as table_name,
    indexes.relname::text as index_name
from pg_index
inner join pg_class as tables on tables.oid = pg_index.indrelid
inner join pg_class as indexes on indexes.oid = pg_index.indexrelid
where
    tables.relnamespace = to_regnamespace(current_schema())
    and tables.relkind in ('r', 'p')
