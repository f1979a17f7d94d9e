-- One row per counted answer of a window, with its customer, order and score.
with

-- An answer without an order has no currency, and counts among all of them.
counted as (
    select
        answers.feedback_id,
        answers.order_id,
        answers.ordered_at,
        case
            when answers.order_id is null then '(unmatched)'
            else coalesce(answers.currency, '(none)')
        end as currency,
        answers.customer,
        age_bucket(answers.age) as bucket,
        case answers.nps_class when 'promoter' then 1 when 'detractor' then -1 else 0 end as score,
        coalesce(orders.is_first, false) as is_first
    from parts.counted_answers as answers
    left join parts.orders on orders.order_id = answers.order_id
    where age_bucket(answers.age) is not null
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

select numbered.*, several.all_account
from numbered
left join several on several.customer = numbered.customer
