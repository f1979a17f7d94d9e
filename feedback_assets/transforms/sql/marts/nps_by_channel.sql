-- One row a window, model and channel.
with

-- "window_days (7, 30, 90, 365; ending with the last day held of nps_by_attribution)"
windows as (
    select window_days
    from (values (7), (30), (90), (365)) as lengths (window_days)  -- noqa: AL05
),

summed as (
    select
        windows.window_days,
        model,
        source,
        medium,
        campaign,
        of_units(sum(units(responses))) as responses,
        of_units(sum(units(promoters))) as promoters,
        of_units(sum(units(passives))) as passives,
        of_units(sum(units(detractors))) as detractors
    from marts.nps_by_attribution
    inner join windows
        on days_between(nps_by_attribution.day, cast($last_day as date))
        between 0 and windows.window_days - 1
    group by windows.window_days, model, source, medium, campaign
),

-- "the adjusted Wald interval at 95 %: add ¾ promoter, 1½ passives, ¾ detractor; with p, d the
-- shares of the n + 3 and v = p + d − (p − d)²"
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

-- "nps = 100 × (promoters − detractors) / responses", "100 × ((p − d) ∓ 1.96 √(v / (n + 3))), cut
-- to ±100. Null without responses."
select
    window_days,
    model,
    source,
    medium,
    campaign,
    responses,
    promoters,
    passives,
    detractors,
    case when responses > 0 then 1e2 * (promoters - detractors) / responses end as nps,
    case when responses > 0 then greatest(-1e2, 1e2 * (p - d - margin)) end as nps_low,
    case when responses > 0 then least(1e2, 1e2 * (p - d + margin)) end as nps_high
from margins
