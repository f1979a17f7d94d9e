-- One row a day, model and channel, additive over days.
with

-- "NPS counts rows with a score that are not spam."
scored as (
    select day, nps_class, order_id, ordered_at
    from marts.order_feedback
    where day between $first_day and $last_day and score is not null and not is_spam
),

models as (
    select model
    from (
        values
        ('first_click'), ('first_optin'), ('re_optin'), ('last_click'),
        ('linear'), ('position_based'), ('time_decay')
    ) as names (model)  -- noqa: AL05
),

-- "unmatched feedback is (unmatched) and an order without a touch in the model (unattributed) in
-- all three columns", a blank "is null, and (none) where a mart groups by it"
credited as (
    select
        scored.day,
        scored.nps_class,
        models.model,
        case
            when scored.order_id is null then '(unmatched)'
            when touch.order_id is null then '(unattributed)'
            else coalesce(channel_name(touch.source), '(none)')
        end as source,
        case
            when scored.order_id is null then '(unmatched)'
            when touch.order_id is null then '(unattributed)'
            else coalesce(channel_name(touch.medium), '(none)')
        end as medium,
        case
            when scored.order_id is null then '(unmatched)'
            when touch.order_id is null then '(unattributed)'
            else coalesce(channel_name(touch.campaign), '(none)')
        end as campaign,
        units(coalesce(touch.weight, 1e0)) as weight
    from scored
    cross join models
    left join unified.attribution as touch
        on touch.order_id = scored.order_id
        and touch.ordered_at = scored.ordered_at
        and touch.model = models.model
)

select
    day,
    model,
    source,
    medium,
    campaign,
    of_units(sum(weight)) as responses,
    of_units(sum(case when nps_class = 'promoter' then weight else 0 end)) as promoters,
    of_units(sum(case when nps_class = 'passive' then weight else 0 end)) as passives,
    of_units(sum(case when nps_class = 'detractor' then weight else 0 end)) as detractors
from credited
group by day, model, source, medium, campaign
