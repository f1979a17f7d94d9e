-- The last 7, 30, 90 and 365 days, and as many days before them.
select
    span.window_days,
    daily.day > cast($last_day as date) - span.window_days as is_current,
    sum(daily.responses)::double as responses,
    sum(daily.promoters)::double as promoters,
    sum(daily.passives)::double as passives,
    sum(daily.detractors)::double as detractors
from marts.nps_daily as daily
inner join (select unnest([7, 30, 90, 365]) as window_days) as span
    on daily.day > cast($last_day as date) - 2 * span.window_days
where daily.day <= $last_day
group by span.window_days, is_current
order by span.window_days, is_current
