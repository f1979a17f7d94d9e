-- One row per window and answer in it by which a customer became a promoter, or was one before.
with

lengths as (
    select distinct window_days
    from parts.windows
),

-- "customers with counted answers in and before the window: latest in vs latest before". If two
-- answers share an instant, the smaller feedback_id counts.
latest as (
    select
        lengths.window_days,
        answers.customer,
        min(
            case when answers.age < lengths.window_days then {
                'before': -unix_micros(answers.responded_at),
                'feedback_id': answers.feedback_id,
                'nps_class': answers.nps_class,
                'order_id': answers.order_id,
                'ordered_at': answers.ordered_at,
                'currency': case
                    when answers.order_id is null then '(unmatched)'
                    else coalesce(answers.currency, '(none)')
                end
            } end
        ) as now,
        min(
            case when answers.age >= lengths.window_days then {
                'before': -unix_micros(answers.responded_at),
                'feedback_id': answers.feedback_id,
                'nps_class': answers.nps_class
            } end
        ) as earlier
    from parts.counted_answers as answers
    cross join lengths
    where answers.age >= 0
    group by lengths.window_days, answers.customer
)

select
    window_days,
    latest.now.order_id,
    latest.now.ordered_at,
    latest.now.currency,
    latest.now.nps_class = 'promoter' as is_won
from latest
where
    latest.now is not null and latest.earlier is not null
    and (latest.now.nps_class = 'promoter') <> (latest.earlier.nps_class = 'promoter')
