-- The last two years by week, Monday to Sunday (UTC); answers with a score that are not spam.
select
    cast(date_trunc('week', day) as date) as week,
    cast(sum(responses) as double) as responses,
    cast(sum(promoters) as double) as promoters,
    cast(sum(passives) as double) as passives,
    cast(sum(detractors) as double) as detractors
from marts.nps_daily
where day > cast($last_day as date) - 728
group by week
order by week
