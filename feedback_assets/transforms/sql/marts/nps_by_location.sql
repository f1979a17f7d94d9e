-- One row per window, provider and location.
with

windows as (
    select window_days
    from (values (7), (30), (90), (365)) as lengths (window_days)
),

-- "answers with a location"; "NPS counts rows with a score that are not spam."
summed as (
    select
        windows.window_days,
        feedback.provider,
        feedback.location_ref,
        count(*) as responses,
        sum(case when feedback.nps_class = 'promoter' then 1 else 0 end) as promoters,
        sum(case when feedback.nps_class = 'passive' then 1 else 0 end) as passives,
        sum(case when feedback.nps_class = 'detractor' then 1 else 0 end) as detractors
    from unified.feedback
    inner join windows
        on days_between(feedback.day, cast($last_day as date))
        between 0 and windows.window_days - 1
    where
        feedback.location_ref is not null and feedback.score is not null
        and not feedback.is_spam
    group by windows.window_days, feedback.provider, feedback.location_ref
),

-- The interval of nps_by_channel: "add ¾ promoter, 1½ passives, ¾ detractor".
shares as (
    select
        *,
        (promoters + 0.75e0) / (responses + 3) as p,
        (detractors + 0.75e0) / (responses + 3) as d
    from summed
),

margins as (
    select *, 1.96e0 * sqrt((p + d - (p - d) * (p - d)) / (responses + 3)) as margin
    from shares
)

select
    window_days,
    provider,
    location_ref,
    responses,
    promoters,
    passives,
    detractors,
    1e2 * (promoters - detractors) / responses as nps,
    greatest(-1e2, 1e2 * (p - d - margin)) as nps_low,
    least(1e2, 1e2 * (p - d + margin)) as nps_high
from margins
