-- One row per stored day of orders, even if empty, with the number of stored days before it.
select
    day,
    days_between(day, cast($last_day as date)) as age,
    row_number() over (order by day) - 1 as days_before
from (
    select distinct cast(word as date) as day
    from (select unnest(string_split($days_held, ',')) as word) as words
    where word <> ''
) as days
