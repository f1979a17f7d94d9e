-- By currency, the customers' orders add up to the same as the orders with a customer.
with

orders as (
    select order_id, currency, net_amount
    from unified_orders_latest
    where customer_email is not null or contact_id is not null
),

bought as (
    select currency, count(*) as orders, sum(net_amount) as net_amount
    from orders
    group by currency
),

counted as (
    select currency, sum(orders) as orders, sum(net_amount) as net_amount
    from marts.customer_value
    group by currency
)

select
    coalesce(sum(bought.orders), 0) as orders_bought,
    coalesce(sum(counted.orders), 0) as orders_counted,
    coalesce(
        sum(
            case
                when coalesce(bought.orders, 0) <> coalesce(counted.orders, 0) then 1
                when coalesce(bought.net_amount, 0) <> coalesce(counted.net_amount, 0) then 1
                else 0
            end
        ),
        0
    ) as violations
from bought
full join counted on counted.currency is not distinct from bought.currency
