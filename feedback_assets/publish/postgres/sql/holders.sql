-- sqlfluff:dialect:postgres
-- What may keep dead rows, oldest first. Every role sees these columns, of other users as well.
with holders as (
    select
        -- A standby with hot_standby_feedback is a process without a database.
        'process ' || pid || coalesce(' of ' || usename, '') as name,
        greatest(age(backend_xmin), age(backend_xid)) as held
    from pg_stat_activity
    where
        pid <> pg_backend_pid()
        and coalesce(datname, current_database()) = current_database()
        and (backend_xmin is not null or backend_xid is not null)

    union all

    select
        'the prepared transaction ' || gid as name,
        age(transaction) as held
    from pg_prepared_xacts
    where database = current_database()

    union all

    select
        'the replication slot ' || slot_name as name,
        age(xmin) as held
    from pg_replication_slots
    where xmin is not null
)

select name
from holders
order by held desc
limit 3
