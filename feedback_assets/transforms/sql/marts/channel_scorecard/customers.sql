-- One row per window, channel and currency: customers, and what they spend on average.
with

by_level as (
    select 'campaign' as level, campaign_channel as channel, *
    from parts.shares
    union all
    select 'medium', medium_channel, *
    from parts.shares
    union all
    select 'source', source_channel, *
    from parts.shares
    union all
    select 'all', 0, *
    from parts.shares
),

by_currency as (
    select window_days, level, model, channel, currency, customers, repeaters, largest
    from by_level
    where currency <> '(all)'
    union all
    select
        window_days, level, model, channel, '(all)', customers, repeaters,
        cast(null as double)
    from by_level
    where currency = '(all)' or not is_several
),

summed as (
    select
        window_days,
        level,
        model,
        channel,
        currency,
        of_units(sum(customers)) as customers,
        of_units(sum(repeaters)) as repeaters,
        max(largest) as largest
    from by_currency
    group by window_days, level, model, channel, currency
)

select
    summed.*,
    case
        when summed.customers > 0 and summed.currency <> '(all)'
            then money_of_shares(spans.net_amount) / summed.customers
    end as mean
from summed
inner join parts.spans
    on spans.window_days = summed.window_days
    and spans.level = summed.level
    and spans.model = summed.model
    and spans.channel = summed.channel
    and spans.currency = summed.currency
