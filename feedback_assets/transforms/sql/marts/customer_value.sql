-- One row per NPS class and currency. "Money is never added across currencies."
with

-- "a customer is a customer_key with an order". Customers are grouped by the text that customer_key
-- is made from, and hashed once: hashing every order took a third of the time.
orders as (
    select order_id, currency, net_amount, coalesce(customer_email, contact_id) as customer
    from unified_orders_latest
    where coalesce(customer_email, contact_id) is not null
),

bought as (
    select customer, currency, count(*) as orders, sum(net_amount) as net_amount
    from orders
    group by customer, currency
),

customers as (
    select customer, customer_key(customer, $inner_pad, $outer_pad) as customer_key
    from (select distinct customer from bought) as buyers
),

-- "of the customer's latest scored answer that is not spam: the matched order's customer, else
-- the one with the answer's e-mail". If the order has no customer, the answer's own key is that of
-- its e-mail. If two answers share an instant, the smaller feedback_id counts.
answers as (
    select
        coalesce(orders.customer, customers.customer) as customer,
        min(
            {
                'before': -unix_micros(feedback.responded_at),
                'feedback_id': feedback.feedback_id,
                'nps_class': feedback.nps_class
            }
        ) as latest
    from marts.order_feedback as feedback
    left join orders on orders.order_id = feedback.order_id
    left join customers on customers.customer_key = feedback.customer_key
    where feedback.score is not null and not feedback.is_spam
    group by coalesce(orders.customer, customers.customer)
),

summed as (
    select
        coalesce(answers.latest.nps_class, '(no answer)') as nps_class,
        bought.currency,
        count(*) as customers,
        sum(bought.orders) as orders,
        sum(bought.net_amount) as net_amount,
        sum(case when bought.orders >= 2 then 1 else 0 end) as repeaters
    from bought
    left join answers on answers.customer = bought.customer
    group by coalesce(answers.latest.nps_class, '(no answer)'), bought.currency
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
