-- sqlfluff:dialect:postgres
-- The indexes of these tables, those of keys included.
select
    tables.relname::text as table_name,
    indexes.relname::text as index_name,
    case
        when pg_index.indisprimary then 'primary key'
        when pg_index.indisunique then 'unique'
        else 'index'
    end as kind,
    -- In the order of the index; null for an expression.
    array(
        select columns.attname::text
        from unnest(pg_index.indkey) with ordinality as keys (attnum, place)
        left join pg_attribute as columns
            on columns.attrelid = tables.oid and columns.attnum = keys.attnum
        order by keys.place
    ) as columns
from pg_index
inner join pg_class as tables on tables.oid = pg_index.indrelid
inner join pg_class as indexes on indexes.oid = pg_index.indexrelid
where
    tables.relnamespace = to_regnamespace(current_schema())
    and tables.relkind in ('r', 'p')
