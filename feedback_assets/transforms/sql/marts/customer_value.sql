-- One row per NPS class and currency. "Money is never added across currencies."
with

summed as (
    select
        coalesce(nps_class, '(no answer)') as nps_class,
        currency,
        count(*) as customers,
        sum(orders) as orders,
        sum(net_amount) as net_amount,
        sum(case when orders >= 2 then 1 else 0 end) as repeaters
    from marts.customers
    group by coalesce(nps_class, '(no answer)'), currency
)

select
    nps_class,
    currency,
    customers,
    orders,
    net_amount,
    money_each(net_amount, customers) as net_amount_per_customer,
    cast(repeaters as double) / customers as repeat_rate
from summed
