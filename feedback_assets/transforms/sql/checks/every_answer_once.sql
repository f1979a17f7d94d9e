-- "Every feedback row comes out exactly once."
with

feedback as (
    select day, feedback_id, count(*) as n
    from unified.feedback
    where day between $first_day and $last_day
    group by day, feedback_id
),

matched as (
    select day, feedback_id, count(*) as n
    from marts.order_feedback
    where day between $first_day and $last_day
    group by day, feedback_id
)

select
    coalesce(sum(feedback.n), 0) as feedback_rows,
    coalesce(sum(matched.n), 0) as order_feedback_rows,
    coalesce(sum(case when matched.feedback_id is null then 1 else 0 end), 0) as missing,
    coalesce(sum(case when feedback.feedback_id is null then 1 else 0 end), 0) as unknown,
    coalesce(sum(case when coalesce(feedback.n, 0) <> coalesce(matched.n, 0) then 1 else 0 end), 0)
        as violations
from feedback
full join matched
    on matched.day = feedback.day
    and matched.feedback_id = feedback.feedback_id
