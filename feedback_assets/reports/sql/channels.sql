-- A channel by source, by medium, and by source, medium and campaign together; sums of weights,
-- so that each model adds up to the same answers on each level. The largest are named, those
-- after them are one row, or a page of ten thousand campaigns could not be read.
with levels as (
    select
        window_days,
        model,
        case
            when grouping(source) = 0 and grouping(campaign) = 0 then 'campaign'
            when grouping(source) = 0 then 'source'
            else 'medium'
        end as level,
        source,
        medium,
        campaign,
        sum(responses) as responses,
        sum(promoters) as promoters,
        sum(passives) as passives,
        sum(detractors) as detractors
    from marts.nps_by_channel
    group by grouping sets (
        (window_days, model, source, medium, campaign),
        (window_days, model, source),
        (window_days, model, medium)
    )
),

ranked as (
    select
        *,
        coalesce(source, medium) in ('(unmatched)', '(unattributed)') as is_uncredited,
        row_number() over (
            partition by
                window_days, model, level,
                coalesce(source, medium) in ('(unmatched)', '(unattributed)')
            order by responses desc, source, medium, campaign
        ) as place
    from levels
)

select
    window_days,
    model,
    level,
    is_uncredited,
    case when place <= $most or is_uncredited then source end as source,
    case when place <= $most or is_uncredited then medium end as medium,
    case when place <= $most or is_uncredited then campaign end as campaign,
    count(*) as channels,
    sum(responses) as responses,
    sum(promoters) as promoters,
    sum(passives) as passives,
    sum(detractors) as detractors
from ranked
group by
    window_days, model, level, is_uncredited,
    case when place <= $most or is_uncredited then 0 else 1 end,
    case when place <= $most or is_uncredited then source end,
    case when place <= $most or is_uncredited then medium end,
    case when place <= $most or is_uncredited then campaign end
order by window_days, model, level, is_uncredited, responses desc, source, medium, campaign
