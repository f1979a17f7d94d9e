-- Customers, orders and money of each class and currency are those of marts.customers.
with

counted as (
    select
        coalesce(nps_class, '(no answer)') as nps_class,
        currency,
        count(*) as customers,
        sum(orders) as orders,
        sum(net_amount) as net_amount
    from marts.customers
    group by coalesce(nps_class, '(no answer)'), currency
)

select
    count(*) as classes,
    coalesce(
        sum(
            case
                when coalesce(value.customers, 0) <> coalesce(counted.customers, 0) then 1
                when coalesce(value.orders, 0) <> coalesce(counted.orders, 0) then 1
                when coalesce(value.net_amount, 0) <> coalesce(counted.net_amount, 0) then 1
                else 0
            end
        ),
        0
    ) as violations
from marts.customer_value as value
full join counted
    on counted.nps_class = value.nps_class
    and counted.currency is not distinct from value.currency
