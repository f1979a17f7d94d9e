-- sqlfluff:dialect:postgres
-- The columns of which the statistics have a sample, with their types as they would be declared.
select
    tables.relname::text as table_name,
    columns.attname::text as column_name,
    format_type(columns.atttypid, columns.atttypmod) as type
from pg_stats as stats
inner join pg_class as tables
    on
    tables.relname = stats.tablename
    and tables.relnamespace = to_regnamespace(stats.schemaname::text)
inner join pg_attribute as columns
    on
    columns.attrelid = tables.oid
    and columns.attname = stats.attname
where stats.schemaname = current_schema()
