-- One row per window, channel and currency: customers who became or ceased to be promoters.
with

-- "credited by the former's order": by that of the latest answer in the window.
credited as (
    select
        turned.window_days,
        turned.is_won,
        credits.model,
        credits.campaign_channel,
        credits.medium_channel,
        credits.source_channel,
        credits.currency,
        credits.weight
    from parts.turned
    inner join parts.answer_credits as credits
        on credits.feedback_id = turned.feedback_id and credits.day = turned.day
),

by_level as (
    select 'campaign' as level, campaign_channel as channel, *
    from credited
    union all
    select 'medium', medium_channel, *
    from credited
    union all
    select 'source', source_channel, *
    from credited
    union all
    select 'all', 0, *
    from credited
),

by_currency as (
    select window_days, level, model, channel, currency, is_won, weight
    from by_level
    where currency <> '(unmatched)'
    union all
    select window_days, level, model, channel, '(all)', is_won, weight
    from by_level
)

select
    window_days,
    level,
    model,
    channel,
    currency,
    of_units(sum(case when is_won then weight else 0 end)) as promoters_won,
    of_units(sum(case when is_won then 0 else weight end)) as promoters_lost
from by_currency
group by window_days, level, model, channel, currency
