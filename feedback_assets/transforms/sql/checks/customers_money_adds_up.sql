-- By currency, customers and their orders add up to the same as the orders with a customer.
with

bought as (
    select
        currency,
        count(*) as orders,
        sum(net_amount) as net_amount,
        count(distinct coalesce(customer_email, contact_id)) as customers
    from unified_orders_latest
    where customer_email is not null or contact_id is not null
    group by currency
),

counted as (
    select
        currency,
        sum(orders) as orders,
        sum(net_amount) as net_amount,
        count(*) as customers
    from marts.customers
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
                when coalesce(bought.customers, 0) <> coalesce(counted.customers, 0) then 1
                else 0
            end
        ),
        0
    ) as violations
from bought
full join counted on counted.currency is not distinct from bought.currency
