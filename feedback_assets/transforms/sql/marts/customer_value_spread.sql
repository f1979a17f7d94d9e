-- One row per NPS class and currency. "Money is never added across currencies."
with

-- "class of the latest counted answer, as customer_value"
valued as (
    select
        coalesce(nps_class, '(no answer)') as nps_class,
        currency,
        net_amount,
        as_double(coalesce(net_amount, 0)) as total
    from marts.customers
),

means as (
    select
        nps_class,
        currency,
        count(*) as customers,
        sum(net_amount) as net_amount,
        as_double(coalesce(sum(net_amount), 0)) / count(*) as mean,
        max(abs(total)) as largest
    from valued
    group by nps_class, currency
),

-- Deviations as fractions of the largest total, so that their powers add up as whole numbers.
deviations as (
    select
        valued.nps_class,
        valued.currency,
        valued.total,
        case when means.largest > 0 then (valued.total - means.mean) / means.largest else 0e0 end
            as deviation
    from valued
    inner join means
        on means.nps_class = valued.nps_class
        and means.currency is not distinct from valued.currency
),

powers as (
    select
        nps_class,
        currency,
        of_units(sum(units(deviation * deviation))) as deviations_2,
        of_units(sum(units(deviation * deviation * deviation))) as deviations_3,
        in_order(total) as totals
    from deviations
    group by nps_class, currency
),

spread as (
    select
        means.*,
        powers.totals,
        case
            when means.customers > 1
                then means.largest * sqrt(powers.deviations_2 / (means.customers - 1))
        end as deviation,
        case
            when means.customers > 1 and powers.deviations_2 > 0
                then
                    powers.deviations_3 / means.customers
                    / (
                        powers.deviations_2 / (means.customers - 1)
                        * sqrt(powers.deviations_2 / (means.customers - 1))
                    )
            else 0e0
        end as skew
    from means
    inner join powers
        on powers.nps_class = means.nps_class
        and powers.currency is not distinct from means.currency
),

-- Customers whose first counted answer, whose class counts here, is at least 30 days older than the
-- last stored day, and their orders within 30 days after it.
returns as (
    select
        first_nps_class as nps_class,
        currency,
        count(*) as followed,
        sum(case when orders_30 > 0 then 1 else 0 end) as returned,
        sum(coalesce(net_amount_30, 0)) as net_amount
    from marts.customers
    where days_between(cast(first_responded_at as date), cast($last_day as date)) >= 30
    group by first_nps_class, currency
)

select
    coalesce(spread.nps_class, returns.nps_class) as nps_class,
    coalesce(spread.currency, returns.currency) as currency,
    coalesce(spread.customers, 0) as customers,
    spread.net_amount,
    spread.mean as net_amount_per_customer,
    spread.mean
    - hall(student(spread.customers), spread.skew, spread.customers)
    * spread.deviation / sqrt(spread.customers) as net_amount_per_customer_low,
    spread.mean
    - hall(-student(spread.customers), spread.skew, spread.customers)
    * spread.deviation / sqrt(spread.customers) as net_amount_per_customer_high,
    quantile_of(spread.totals, spread.customers, 0.5e0) as median,
    quantile_of(spread.totals, spread.customers, 0.25e0) as q1,
    quantile_of(spread.totals, spread.customers, 0.75e0) as q3,
    ranked(spread.totals, median_rank(spread.customers)) as median_low,
    case
        when median_rank(spread.customers) >= 1
            then ranked(spread.totals, spread.customers + 1 - median_rank(spread.customers))
    end as median_high,
    coalesce(returns.followed, 0) as followed,
    cast(returns.returned as double) / returns.followed as returned_30,
    as_double(returns.net_amount) / returns.followed as net_amount_30
from spread
full join returns
    on returns.nps_class = spread.nps_class
    and returns.currency is not distinct from spread.currency
