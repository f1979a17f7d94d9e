-- One row per window, track, channel and account: share of its orders, and money.
with

held as (
    select
        windows.window_days,
        credits.*
    from parts.credits
    inner join parts.windows on windows.bucket = credits.bucket and windows.is_in
),

-- "Per channel c, customer g: W=Σw, R=Σw·net". Of all currencies only the customers are counted.
summed as (
    select
        held.window_days,
        held.track,
        memberships.channel,
        held.account,
        sum(held.weight_1) as weight_1,
        sum(held.weight_2) as weight_2,
        sum(held.weight_3) as weight_3,
        sum(held.money_1) as money_1,
        sum(held.money_2) as money_2,
        sum(held.money_3) as money_3
    from held
    inner join parts.memberships on memberships.campaign_channel = held.campaign_channel
    where memberships.channel > 0
    group by held.window_days, held.track, memberships.channel, held.account
    union all
    select
        held.window_days,
        held.track,
        memberships.channel,
        held.all_account as account,
        sum(held.weight_1) as weight_1,
        sum(held.weight_2) as weight_2,
        sum(held.weight_3) as weight_3,
        null as money_1,
        null as money_2,
        null as money_3
    from held
    inner join parts.memberships on memberships.campaign_channel = held.campaign_channel
    where memberships.channel > 0 and held.all_account is not null
    group by held.window_days, held.track, memberships.channel, held.all_account
)

-- "s=W/T"
select
    summed.window_days,
    summed.track,
    summed.channel,
    accounts.currency,
    accounts.is_several,
    accounts.orders,
    accounts.total,
    of_small_units(summed.weight_1) / accounts.orders as share_1,
    of_small_units(summed.weight_2) / accounts.orders as share_2,
    of_small_units(summed.weight_3) / accounts.orders as share_3,
    of_units(summed.money_1) as money_1,
    of_units(summed.money_2) as money_2,
    of_units(summed.money_3) as money_3
from summed
inner join parts.accounts
    on accounts.window_days = summed.window_days and accounts.account = summed.account

union all

-- Of all channels together each customer has the whole.
select
    window_days,
    0 as track,
    0 as channel,
    currency,
    is_several,
    orders,
    total,
    1e0 as share_1,
    null as share_2,
    null as share_3,
    total as money_1,
    null as money_2,
    null as money_3
from parts.accounts
