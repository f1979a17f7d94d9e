-- One row per counted answer, with its customer, order and score.
with

-- "NPS counts rows with a score that are not spam." An answer without an order has no currency,
-- and counts among all of them.
counted as (
    select
        feedback.feedback_id,
        feedback.day,
        feedback.responded_at,
        feedback.nps_class,
        feedback.order_id,
        feedback.ordered_at,
        case
            when feedback.order_id is null then '(unmatched)'
            else coalesce(feedback.currency, '(none)')
        end as currency,
        coalesce(feedback.customer_key, feedback.feedback_id) as customer,
        days_between(feedback.day, cast($last_day as date)) as age,
        coalesce(orders.is_first, false) as is_first
    from marts.order_feedback as feedback
    left join parts.orders on orders.order_id = feedback.order_id
    where
        feedback.score is not null and not feedback.is_spam
        and feedback.day <= cast($last_day as date)
),

numbered as (
    select *, dense_rank() over (order by customer, currency) as account
    from counted
),

-- A customer with answers in several currencies has an account in each, and one for all of them.
several as (
    select customer, -min(account) as all_account
    from numbered
    group by customer
    having min(account) < max(account)
)

select
    numbered.*,
    several.all_account,
    age_bucket(numbered.age) as bucket,
    case numbered.nps_class when 'promoter' then 1 when 'detractor' then -1 else 0 end as score
from numbered
left join several on several.customer = numbered.customer
