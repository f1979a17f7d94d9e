-- Purchases of each class, the currency with the most customers first; currencies are never summed.
select
    value.nps_class,
    value.currency,
    value.customers,
    value.orders,
    value.net_amount,
    value.net_amount_per_customer,
    value.repeat_rate
from marts.customer_value as value
inner join (
    select currency, sum(customers) as customers
    from marts.customer_value
    group by currency
) as size on size.currency is not distinct from value.currency
order by
    size.customers desc,
    value.currency nulls last,
    case value.nps_class
        when 'promoter' then 1 when 'passive' then 2 when 'detractor' then 3 else 4
    end
