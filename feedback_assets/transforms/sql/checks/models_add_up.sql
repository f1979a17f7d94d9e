-- "so that every model adds up to the same responses", day by day, and to those that count: "NPS
-- counts rows with a score that are not spam."
with

counted as (
    select
        day,
        count(*) as responses,
        sum(case when nps_class = 'promoter' then 1 else 0 end) as promoters,
        sum(case when nps_class = 'detractor' then 1 else 0 end) as detractors
    from marts.order_feedback
    where day between $first_day and $last_day and score is not null and not is_spam
    group by day
),

credited as (
    select
        day,
        model,
        sum(responses) as responses,
        sum(promoters) as promoters,
        sum(detractors) as detractors
    from marts.nps_by_attribution
    where day between $first_day and $last_day
    group by day, model
),

days_and_models as (
    select counted.day, names.model
    from counted
    cross join (
        values
        ('first_click'), ('first_optin'), ('re_optin'), ('last_click'),
        ('linear'), ('position_based'), ('time_decay')
    ) as names (model)
    union
    select day, model
    from credited
)

select
    count(*) as days_and_models,
    coalesce(sum(counted.responses), 0) / 7 as responses,
    coalesce(max(abs(coalesce(credited.responses, 0) - coalesce(counted.responses, 0))), 0)
        as largest_difference,
    coalesce(
        sum(
            case
                when abs(coalesce(credited.responses, 0) - coalesce(counted.responses, 0)) > 1e-6
                    then 1
                when abs(coalesce(credited.promoters, 0) - coalesce(counted.promoters, 0)) > 1e-6
                    then 1
                when abs(coalesce(credited.detractors, 0) - coalesce(counted.detractors, 0)) > 1e-6
                    then 1
                else 0
            end
        ),
        0
    ) as violations
from days_and_models
left join counted on counted.day = days_and_models.day
left join credited
    on credited.day = days_and_models.day
    and credited.model = days_and_models.model
