-- One row per customer and currency. "Money is never added across currencies."
--
-- Customers are grouped by the text that customer_key is made from, and hashed once: hashing every
-- order took a third of the time.
with

bought as (
    select
        orders.customer,
        orders.currency,
        count(*) as orders,
        sum(orders.net_amount) as net_amount,
        min(orders.ordered_at) as first_ordered_at,
        -- Days of 24 hours, so that all customers are followed for the same time.
        sum(
            case
                when
                    unix_micros(orders.ordered_at) - answers.earliest.place
                    between 1 and 2592000000000
                    then 1
                else 0
            end
        ) as orders_30,
        sum(
            case
                when
                    unix_micros(orders.ordered_at) - answers.earliest.place
                    between 1 and 2592000000000
                    then orders.net_amount
            end
        ) as net_amount_30
    from parts.customer_orders as orders
    left join parts.customer_answers as answers on answers.customer = orders.customer
    group by orders.customer, orders.currency
),

customers as (
    select
        customer,
        customer_key(customer, $inner_pad, $outer_pad) as customer_key,
        first_ordered_at
    from (
        select customer, min(first_ordered_at) as first_ordered_at
        from bought
        group by customer
    ) as firsts
)

select
    customers.customer_key,
    bought.currency,
    bought.orders,
    bought.net_amount,
    customers.first_ordered_at,
    answers.latest.nps_class,
    answers.earliest.nps_class as first_nps_class,
    answers.earliest.responded_at as first_responded_at,
    bought.orders_30,
    bought.net_amount_30
from bought
inner join customers on customers.customer = bought.customer
left join parts.customer_answers as answers on answers.customer = bought.customer
