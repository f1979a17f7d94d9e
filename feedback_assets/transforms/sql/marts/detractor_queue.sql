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
    -- "all their orders in the row's currency; a missing currency is a currency of its own"
    customers.net_amount as customer_net_amount,
    waiting.first_click_source,
    waiting.first_click_medium,
    waiting.first_click_campaign,
    waiting.last_click_source,
    waiting.last_click_medium,
    waiting.last_click_campaign
from waiting
left join marts.customers
    on customers.customer_key = waiting.customer_key
    and customers.currency is not distinct from waiting.currency
-- "newest first"
order by responded_at desc, feedback_id
