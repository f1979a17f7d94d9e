-- The detractors of the last 30 stored days at providers that report reply times, and how many of
-- them got a reply within a day. An answer given on the last stored day may still get one.
with

answers as (
    select *, row_number() over (partition by feedback_id order by day desc) as choice
    from marts.order_feedback
)

select
    provider,
    count(*) as detractors,
    count(*) filter (
        where unix_micros(replied_at) - unix_micros(responded_at) <= 86400000000
    ) as within_a_day
from answers
where
    choice = 1
    and nps_class = 'detractor'
    and not is_spam
    and day > cast($last_day as date) - 30
    and day < cast($last_day as date)
    and provider in (select provider from marts.order_feedback where replied_at is not null)
group by provider
order by provider
