-- One row per day of orders held, with rows or without, and how many are held before it.
select
    day,
    days_between(day, cast($last_day as date)) as age,
    row_number() over (order by day) - 1 as days_before
from (
    select distinct cast(word as date) as day
    from (select unnest(string_split($days_held, ',')) as word) as words
    where word <> ''
) as days
