-- One row per customer to call.
with

-- Detractors of the last 30 stored days, not spam, without a reply. An answer stored in two
-- partitions counts in the later one.
answers as (
    select *, row_number() over (partition by feedback_id order by day desc) as choice
    from marts.order_feedback
    where days_between(day, cast($last_day as date)) between 0 and 29
),

waiting as (
    select *
    from answers
    where choice = 1 and nps_class = 'detractor' and not is_spam and reply is null
),

-- The owner of customer_key: the text that it was made from, so that no order has to be hashed.
customers as (
    select
        waiting.feedback_id,
        coalesce(feedback.customer_email, orders.customer_email, orders.contact_id) as customer
    from waiting
    left join unified.orders
        on orders.order_id = waiting.order_id and orders.ordered_at = waiting.ordered_at
    left join unified.feedback
        on feedback.feedback_id = waiting.feedback_id and feedback.day = waiting.day
),

-- "customer_net_amount (all their orders in the row's currency; a missing currency is a currency of
-- its own)"
bought as (
    select coalesce(customer_email, contact_id) as customer, currency, sum(net_amount) as net_amount
    from unified_orders_latest
    where coalesce(customer_email, contact_id) in (select customer from customers)
    group by coalesce(customer_email, contact_id), currency
)

select
    waiting.feedback_id,
    waiting.provider,
    waiting.responded_at,
    -- Whole days to the end of the last stored day.
    (
        unix_micros(cast(cast($last_day as date) as timestamptz)) + 86400000000
        - unix_micros(waiting.responded_at)
    ) // 86400000000 as days_waiting,
    waiting.score,
    waiting.comment,
    waiting.customer_key,
    waiting.order_id,
    waiting.order_source_id,
    waiting.ordered_at,
    waiting.currency,
    waiting.net_amount,
    bought.net_amount as customer_net_amount,
    waiting.first_click_source,
    waiting.first_click_medium,
    waiting.first_click_campaign,
    waiting.last_click_source,
    waiting.last_click_medium,
    waiting.last_click_campaign
from waiting
left join customers on customers.feedback_id = waiting.feedback_id
left join bought
    on bought.customer = customers.customer
    and bought.currency is not distinct from waiting.currency
-- "newest first"
order by responded_at desc, feedback_id
