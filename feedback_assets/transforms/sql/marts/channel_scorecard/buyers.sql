-- One row per window, channel and currency: its buyers and the distribution of their spending.
with

held as (
    select
        customer_orders.window_days,
        slots.model,
        customer_orders.channel,
        customer_orders.currency,
        customer_orders.total,
        of_slot(slots.slot, share_1, share_2, share_3) as share,
        of_slot(slots.slot, money_1, money_2, money_3) as money
    from parts.customer_orders
    inner join parts.slots on slots.track = customer_orders.track
    where customer_orders.currency <> '(all)'
),

-- e = R − m·s with the mean m of the channel, as a part of the largest possible, so that its powers
-- can be added up as whole numbers.
deviations as (
    select
        held.window_days,
        held.model,
        held.channel,
        held.currency,
        held.total,
        case
            when customers.bound > 0
                then (held.money - customers.mean * held.share) / customers.bound
            else 0e0
        end as deviation
    from held
    inner join parts.customers
        on customers.window_days = held.window_days
        and customers.model = held.model
        and customers.channel = held.channel
        and customers.currency = held.currency
    where held.share > 0
),

powers as (
    select
        window_days,
        model,
        channel,
        currency,
        of_units(sum(small_units(deviation * deviation))) as deviations_2,
        of_units(sum(small_units(deviation * deviation * deviation))) as deviations_3,
        in_order(total) as totals
    from deviations
    group by window_days, model, channel, currency
),

-- Their spread beside the mean share, and its skew.
spread as (
    select
        powers.window_days,
        powers.model,
        powers.channel,
        powers.currency,
        powers.totals,
        customers.buyers,
        customers.mean,
        case
            when customers.buyers > 1
                then
                    customers.bound * sqrt(powers.deviations_2 / (customers.buyers - 1))
                    / (customers.customers / customers.buyers)
        end as deviation,
        case
            when customers.buyers > 1 and powers.deviations_2 > 0
                then
                    powers.deviations_3 / customers.buyers
                    / (
                        powers.deviations_2 / (customers.buyers - 1)
                        * sqrt(powers.deviations_2 / (customers.buyers - 1))
                    )
            else 0e0
        end as skew
    from powers
    inner join parts.customers
        on customers.window_days = powers.window_days
        and customers.model = powers.model
        and customers.channel = powers.channel
        and customers.currency = powers.currency
)

select
    window_days,
    model,
    channel,
    currency,
    mean - hall(student(buyers), skew, buyers) * deviation / sqrt(buyers) as mean_low,
    mean - hall(-student(buyers), skew, buyers) * deviation / sqrt(buyers) as mean_high,
    quantile_of(totals, buyers, 0.5e0) as median,
    quantile_of(totals, buyers, 0.25e0) as q1,
    quantile_of(totals, buyers, 0.75e0) as q3,
    ranked(totals, median_rank(buyers)) as median_low,
    case
        when median_rank(buyers) >= 1
            then ranked(totals, buyers + 1 - median_rank(buyers))
    end as median_high
from spread
