-- One row per window, channel and currency: customers, and what they spend on average.
with

held as (
    select
        bought.window_days,
        slots.model,
        bought.channel,
        bought.currency,
        bought.is_several,
        bought.orders,
        bought.largest,
        case slots.slot when 1 then bought.share_1 when 2 then bought.share_2 else bought.share_3 end
            as share
    from parts.bought
    inner join parts.slots on bought.track = slots.track
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
        max(largest) as largest
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
)

-- All channels have the same money in every model.
select
    summed.window_days,
    summed.model,
    summed.channel,
    summed.currency,
    summed.buyers,
    summed.customers,
    summed.customers * summed.customers / summed.squares as effective_customers,
    summed.repeaters,
    summed.largest,
    case
        when summed.currency <> '(all)'
            then money_of_shares(spans.net_amount) / summed.customers
    end as mean
from summed
inner join parts.spans
    on
        summed.window_days = spans.window_days
        and greatest(summed.model, 1) = spans.model
        and summed.channel = spans.channel
        and summed.currency = spans.currency
