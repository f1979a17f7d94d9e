-- One row an NPS class and currency. "Money is never added across currencies."
with

-- "a customer is a customer_key with an order". An order that was given another day and stands
-- in two partitions counts in the later one.
latest_orders as (
    select
        order_id,
        currency,
        net_amount,
        customer_key(coalesce(customer_email, contact_id), $inner_pad, $outer_pad) as customer_key,
        row_number() over (partition by order_id order by day desc) as choice
    from unified.orders
),

orders as (
    select order_id, currency, net_amount, customer_key from latest_orders where choice = 1
),

-- "of the customer's latest scored answer that is not spam: the matched order's customer, else
-- the one with the answer's e-mail". Without an order's customer, the answer's own key is that of
-- its e-mail.
answers as (
    select
        coalesce(orders.customer_key, feedback.customer_key) as customer_key,
        feedback.nps_class,
        row_number() over (
            partition by coalesce(orders.customer_key, feedback.customer_key)
            order by feedback.responded_at desc, feedback.feedback_id
        ) as choice
    from marts.order_feedback as feedback
    left join orders on orders.order_id = feedback.order_id
    where feedback.score is not null and not feedback.is_spam
),

bought as (
    select customer_key, currency, count(*) as orders, sum(net_amount) as net_amount
    from orders
    where customer_key is not null
    group by customer_key, currency
),

summed as (
    select
        coalesce(answers.nps_class, '(no answer)') as nps_class,
        bought.currency,
        count(*) as customers,
        sum(bought.orders) as orders,
        sum(bought.net_amount) as net_amount,
        sum(case when bought.orders >= 2 then 1 else 0 end) as repeaters
    from bought
    left join answers on answers.customer_key = bought.customer_key and answers.choice = 1
    group by coalesce(answers.nps_class, '(no answer)'), bought.currency
),

-- Ten-thousandths in whole numbers: a quotient of binary floats would lose cents of large sums.
scaled as (
    select *, cast(abs(net_amount) * 10000 as bigint) as units
    from summed
)

select
    nps_class,
    currency,
    customers,
    orders,
    net_amount,
    -- Rounded half away from zero.
    case when net_amount < 0 then -1 else 1 end
        * cast((2 * units + customers) // (2 * customers) as decimal(18, 0))
        * cast(0.0001 as decimal(5, 4)) as net_amount_per_customer,
    cast(repeaters as double) / customers as repeat_rate
from scaled
