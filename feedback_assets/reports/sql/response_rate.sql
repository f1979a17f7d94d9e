-- Surveys sent and answered in the last 7, 30, 90 and 365 days, and in as many days before them.
select
    span.window_days,
    funnel.day > cast($last_day as date) - span.window_days as is_current,
    sum(funnel.sent)::bigint as sent,
    sum(funnel.answered)::bigint as answered
from marts.survey_funnel as funnel
inner join (select unnest([7, 30, 90, 365]) as window_days) as span
    on funnel.day > cast($last_day as date) - 2 * span.window_days
where funnel.day <= $last_day
group by span.window_days, is_current
order by span.window_days, is_current
