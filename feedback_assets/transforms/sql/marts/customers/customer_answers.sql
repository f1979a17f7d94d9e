-- One row per customer with a counted answer: the latest and the first.
with

buyers as (
    select customer, customer_key(customer, $inner_pad, $outer_pad) as customer_key
    from (select distinct customer from parts.customer_orders) as customers
)

-- "of the customer's latest scored answer that is not spam: the matched order's customer, else
-- the one with the answer's e-mail". If the order has no customer, the answer's own key is that of
-- its e-mail. If two answers share an instant, the smaller feedback_id counts.
select
    coalesce(orders.customer, buyers.customer) as customer,
    min(
        {
            'place': -unix_micros(feedback.responded_at),
            'feedback_id': feedback.feedback_id,
            'nps_class': feedback.nps_class
        }
    ) as latest,
    min(
        {
            'place': unix_micros(feedback.responded_at),
            'feedback_id': feedback.feedback_id,
            'nps_class': feedback.nps_class,
            'responded_at': feedback.responded_at
        }
    ) as earliest
from marts.order_feedback as feedback
left join parts.customer_orders as orders on orders.order_id = feedback.order_id
left join buyers on buyers.customer_key = feedback.customer_key
where feedback.score is not null and not feedback.is_spam
group by coalesce(orders.customer, buyers.customer)
