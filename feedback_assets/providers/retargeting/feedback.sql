-- "Retargeting: order feedback; order_ref = order_no. Product reviews are not NPS and stay
-- out." feedback_id is "retargeting:<order_no>:<added_on in UTC as 2021-05-20T14:25:27Z>";
-- a fraction of a second is written where there is one, so that two answers of one second
-- keep two ids.
select
    day,
    order_no || ':' || utc_text(added_on) as provider_feedback_id,
    added_on as responded_at,
    score,
    comment,
    order_no as order_ref,
    "order"."date" as purchased_at
from retargeting.order_feedback
where day between $first_day and $last_day
