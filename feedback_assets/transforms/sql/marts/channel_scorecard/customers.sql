-- One row a window, channel and currency: customers, added up over credits.
--
-- Σ_g W/T is the sum of w/T over credits, so no customer has to be told apart for it. Who has one
-- currency is added up there, and counted from there among the customers of all currencies.
with

shares as (
    select
        accounts.window_days,
        credits.model,
        credits.campaign_channel,
        credits.medium_channel,
        credits.source_channel,
        accounts.currency,
        accounts.is_several,
        units(of_units(credits.weight) / accounts.orders) as share,
        accounts.orders >= 2 as is_repeat,
        abs(as_double(credits.net_amount)) as amount
    from parts.credits
    inner join parts.windows on windows.bucket = credits.bucket and windows.is_in
    inner join parts.accounts
        on accounts.window_days = windows.window_days and accounts.account = credits.account
    union all
    select
        accounts.window_days,
        credits.model,
        credits.campaign_channel,
        credits.medium_channel,
        credits.source_channel,
        accounts.currency,
        accounts.is_several,
        units(of_units(credits.weight) / accounts.orders),
        accounts.orders >= 2,
        null
    from parts.credits
    inner join parts.windows on windows.bucket = credits.bucket and windows.is_in
    inner join parts.accounts
        on accounts.window_days = windows.window_days and accounts.account = credits.all_account
),

by_campaign as (
    select
        window_days,
        model,
        campaign_channel,
        min(medium_channel) as medium_channel,
        min(source_channel) as source_channel,
        currency,
        is_several,
        sum(share) as customers,
        sum(case when is_repeat then share else 0 end) as repeaters,
        max(amount) as largest
    from shares
    group by window_days, model, campaign_channel, currency, is_several
),

by_level as (
    select 'campaign' as level, campaign_channel as channel, *
    from by_campaign
    union all
    select 'medium', medium_channel, *
    from by_campaign
    union all
    select 'source', source_channel, *
    from by_campaign
    union all
    select 'all', 0, *
    from by_campaign
),

by_currency as (
    select window_days, level, model, channel, currency, customers, repeaters, largest
    from by_level
    where currency <> '(all)'
    union all
    select window_days, level, model, channel, '(all)', customers, repeaters, null
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
    case when summed.customers > 0 and summed.currency <> '(all)'
        then money_of_shares(spans.net_amount) / summed.customers
    end as mean
from summed
inner join parts.spans
    on spans.window_days = summed.window_days
    and spans.level = summed.level
    and spans.model = summed.model
    and spans.channel = summed.channel
    and spans.currency = summed.currency
