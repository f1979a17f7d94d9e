-- One row per window, channel and currency: customers, and what they spend on average.
with

held as (
    select
        customer_orders.window_days,
        slots.model,
        customer_orders.channel,
        customer_orders.currency,
        customer_orders.is_several,
        customer_orders.orders,
        of_slot(slots.slot, share_1, share_2, share_3) as share,
        of_slot(slots.slot, money_1, money_2, money_3) as money
    from parts.customer_orders
    inner join parts.slots on slots.track = customer_orders.track
),

-- Who has one currency is added up there, and counted from there among all.
by_account as (
    select
        window_days,
        model,
        channel,
        currency,
        is_several,
        count(*) as buyers,
        sum(small_units(share)) as shares,
        sum(small_units(share * share)) as squares,
        sum(case when orders >= 2 then small_units(share) else 0 end) as repeaters,
        max(abs(money)) as largest
    from held
    where share > 0
    group by window_days, model, channel, currency, is_several
),

by_currency as (
    select window_days, model, channel, currency, buyers, shares, squares, repeaters, largest
    from by_account
    where currency <> '(all)'
    union all
    select
        window_days, model, channel, '(all)' as currency, buyers, shares, squares, repeaters,
        null as largest
    from by_account
    where currency = '(all)' or not is_several
),

summed as (
    select
        window_days,
        model,
        channel,
        currency,
        sum(buyers) as buyers,
        of_units(sum(shares)) as customers,
        of_units(sum(squares)) as squares,
        of_units(sum(repeaters)) as repeaters,
        max(largest) as largest
    from by_currency
    group by window_days, model, channel, currency
),

averaged as (
    -- All channels together have the same money in every model.
    select
        summed.*,
        case
            when summed.currency <> '(all)'
                then money_of_shares(spans.net_amount) / summed.customers
        end as mean
    from summed
    inner join parts.spans
        on spans.window_days = summed.window_days
        and greatest(summed.model, 1) = spans.model
        and spans.channel = summed.channel
        and spans.currency = summed.currency
)

-- No customer's money is further from the mean than ``bound``.
select
    window_days,
    model,
    channel,
    currency,
    buyers,
    customers,
    customers * customers / squares as effective_customers,
    repeaters,
    mean,
    largest + abs(mean) as bound
from averaged
