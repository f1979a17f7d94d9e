-- "The weights of one order and model add up to 1."
with

credited as (
    select
        order_id,
        ordered_at,
        model,
        sum(weight) as weight,
        count(*) as touches,
        max(touch_count) as touch_count
    from unified.attribution
    where day between $first_day and $last_day
    group by order_id, ordered_at, model
)

select
    count(*) as orders_and_models,
    coalesce(sum(touches), 0) as touches,
    coalesce(max(abs(weight - 1)), 0) as largest_difference,
    coalesce(
        sum(case when abs(weight - 1) > 1e-9 or touches <> touch_count then 1 else 0 end), 0
    ) as violations
from credited
