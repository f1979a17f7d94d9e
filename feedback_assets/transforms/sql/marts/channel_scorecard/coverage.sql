-- One row per window and source of spend, and one for all of them: the days on which it is unknown.
with

files as (
    select distinct source, covered_from, covered_to
    from parts.spent
),

sources as (
    select distinct source
    from files
),

-- "Spend is covered for a source on the days between the first and last row of its file"
covered as (
    select distinct files.source, days.day
    from files
    inner join parts.days on days.day between files.covered_from and files.covered_to
),

windowed as (
    select
        windows.window_days,
        days.day,
        sources.source,
        case when covered.day is null then 1 else 0 end as is_missing
    from (select distinct window_days from parts.windows) as windows
    inner join parts.days on days.age between 0 and windows.window_days - 1
    cross join sources
    left join covered on covered.source = sources.source and covered.day = days.day
),

by_day as (
    select window_days, day, max(is_missing) as is_missing
    from windowed
    group by window_days, day
)

select window_days, source, sum(is_missing) as missing, count(*) as held
from windowed
group by window_days, source

union all

-- Over all sources a day is missing where one of them is.
select window_days, '(all)', sum(is_missing), count(*)
from by_day
group by window_days
