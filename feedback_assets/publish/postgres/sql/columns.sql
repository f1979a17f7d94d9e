-- sqlfluff:dialect:postgres
-- The tables of the schema that search_path names, with their columns and comments.
select
    tables.relname::text as table_name,
    coalesce(obj_description(tables.oid, 'pg_class'), '') as table_comment,
    columns.attname::text as column_name,
    -- As it would be declared: numeric(18,4), timestamp with time zone.
    format_type(columns.atttypid, columns.atttypmod) as type,
    columns.attnotnull as required,
    coalesce(col_description(tables.oid, columns.attnum), '') as column_comment
from pg_class as tables
inner join pg_attribute as columns on columns.attrelid = tables.oid
where
    tables.relnamespace = to_regnamespace(current_schema())
    -- Ordinary and partitioned tables: no views.
    and tables.relkind in ('r', 'p')
    -- Neither system columns nor those that were dropped.
    and columns.attnum > 0
    and not columns.attisdropped
