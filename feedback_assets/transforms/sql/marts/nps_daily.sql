-- One row per provider and day with any answer. "NPS counts rows with a score that are not spam."
with

counted as (
    select day, provider, nps_class, score, score is not null and not is_spam as counts
    from marts.order_feedback
    where day between $first_day and $last_day
),

summed as (
    select
        day,
        provider,
        sum(case when counts then 1 else 0 end) as responses,
        sum(case when counts and nps_class = 'promoter' then 1 else 0 end) as promoters,
        sum(case when counts and nps_class = 'passive' then 1 else 0 end) as passives,
        sum(case when counts and nps_class = 'detractor' then 1 else 0 end) as detractors,
        sum(case when counts then score else 0 end) as score_sum
    from counted
    group by day, provider
)

-- "nps = 100 × (promoters − detractors) / responses … Null without responses."
select
    *,
    case when responses > 0 then 1e2 * (promoters - detractors) / responses end as nps
from summed
