-- One row per counted answer of any day: whose it is, and about which order.
--
-- "NPS counts rows with a score that are not spam."
select
    feedback_id,
    responded_at,
    nps_class,
    order_id,
    ordered_at,
    currency,
    customer_key,
    coalesce(customer_key, feedback_id) as customer,
    days_between(day, cast($last_day as date)) as age
from marts.order_feedback
where score is not null and not is_spam
