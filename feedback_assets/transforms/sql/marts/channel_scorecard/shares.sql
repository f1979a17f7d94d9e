-- One row per window, campaign and currency: customers, added up over credits.
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
        cast(null as double)
    from parts.credits
    inner join parts.windows on windows.bucket = credits.bucket and windows.is_in
    inner join parts.accounts
        on accounts.window_days = windows.window_days and accounts.account = credits.all_account
)

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
