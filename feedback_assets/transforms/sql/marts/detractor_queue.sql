-- One row a customer to be called.
with

-- "detractors of the last 30 days held, not spam, without a reply". An answer that stands in two
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

latest_orders as (
    select
        currency,
        net_amount,
        customer_key(coalesce(customer_email, contact_id), $inner_pad, $outer_pad) as customer_key,
        row_number() over (partition by order_id order by day desc) as choice
    from unified.orders
),

-- "customer_net_amount (all their orders in the row's currency)"
bought as (
    select customer_key, currency, sum(net_amount) as net_amount
    from latest_orders
    where choice = 1 and customer_key in (select customer_key from waiting)
    group by customer_key, currency
)

select
    waiting.feedback_id,
    waiting.provider,
    waiting.responded_at,
    -- "whole days to the end of the last day held"
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
left join bought on bought.customer_key = waiting.customer_key and bought.currency = waiting.currency
-- "newest first"
order by responded_at desc, feedback_id
