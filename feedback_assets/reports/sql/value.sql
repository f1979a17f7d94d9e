-- Purchases of each class, the currency with the most customers first; currencies are never summed.
-- Whichever of the two marts is missing leaves its columns null.
with value as (
    select
        coalesce(worth.nps_class, spread.nps_class) as nps_class,
        coalesce(worth.currency, spread.currency) as currency,
        coalesce(worth.customers, spread.customers) as customers,
        worth.orders,
        coalesce(worth.net_amount, spread.net_amount) as net_amount,
        worth.repeat_rate,
        spread.net_amount_per_customer,
        spread.net_amount_per_customer_low,
        spread.net_amount_per_customer_high,
        spread.median,
        spread.q1,
        spread.q3,
        spread.median_low,
        spread.median_high,
        spread.followed,
        spread.returned_30,
        spread.net_amount_30
    from marts.customer_value as worth
    full join marts.customer_value_spread as spread
        on
        spread.nps_class = worth.nps_class
        and spread.currency is not distinct from worth.currency
)

select
    value.*
from value
order by
    sum(value.customers) over (partition by value.currency) desc,
    value.currency nulls last,
    case value.nps_class
        when 'promoter' then 1 when 'passive' then 2 when 'detractor' then 3 else 4
    end
