-- One row per window, channel and currency: what was spent on it.
with

-- "Only days on which orders are held enter"
counted as (
    select windows.window_days, spent.*
    from parts.spent
    inner join parts.days on days.day = spent.day
    inner join (select distinct window_days from parts.windows) as windows
        on days.age between 0 and windows.window_days - 1
),

by_level as (
    select
        'campaign' as level, window_days, source, medium, campaign, currency, spend, clicks,
        impressions
    from counted
    union all
    select 'medium', window_days, source, medium, '(all)', currency, spend, clicks, impressions
    from counted
    union all
    select 'source', window_days, source, '(all)', '(all)', currency, spend, clicks, impressions
    from counted
    union all
    select 'all', window_days, '(all)', '(all)', '(all)', currency, spend, clicks, impressions
    from counted
),

currencies as (
    select level, window_days, source, medium, campaign, count(distinct currency) as currencies
    from by_level
    group by level, window_days, source, medium, campaign
),

-- "Money is never added across currencies": of all of them, clicks and impressions alone.
by_currency as (
    select *
    from by_level
    union all
    select level, window_days, source, medium, campaign, '(all)', null, clicks, impressions
    from by_level
)

select
    sums.level,
    sums.window_days,
    sums.source,
    sums.medium,
    sums.campaign,
    sums.currency,
    currencies.currencies,
    sums.spend,
    sums.clicks,
    sums.impressions
from (
    select
        level,
        window_days,
        source,
        medium,
        campaign,
        currency,
        sum(spend) as spend,
        sum(clicks) as clicks,
        sum(impressions) as impressions
    from by_currency
    group by level, window_days, source, medium, campaign, currency
) as sums
inner join currencies
    on currencies.level = sums.level
    and currencies.window_days = sums.window_days
    and currencies.source = sums.source
    and currencies.medium = sums.medium
    and currencies.campaign = sums.campaign
