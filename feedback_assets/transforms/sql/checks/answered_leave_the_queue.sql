-- "Detractors … without a reply", with how long those in the queue have waited, in whole days to
-- the end of the last stored day, and how many detractors of the 30 days were answered within a
-- day, for providers that report reply times. One given on the last day may still be answered.
with

answers as (
    select *, row_number() over (partition by feedback_id order by day desc) as choice
    from marts.order_feedback
    where days_between(day, cast($last_day as date)) between 0 and 29
),

timing as (
    select distinct provider from answers where replied_at is not null
),

detractors as (
    select
        answers.*,
        timing.provider is not null as is_timed,
        coalesce(
            unix_micros(answers.replied_at) - unix_micros(answers.responded_at) <= 86400000000,
            false
        ) as is_prompt
    from answers
    left join timing on timing.provider = answers.provider
    where answers.choice = 1 and answers.nps_class = 'detractor' and not answers.is_spam
),

timed as (
    select count(*) as answers, coalesce(sum(case when is_prompt then 1 else 0 end), 0) as prompt
    from detractors
    where is_timed and day < cast($last_day as date)
)

select
    (select count(*) from marts.detractor_queue) as waiting,
    (select max(days_waiting) from marts.detractor_queue) as longest_days_waiting,
    (select median(days_waiting) from marts.detractor_queue) as median_days_waiting,
    (select count(*) from detractors where reply is not null) as answered,
    timed.answers as detractors_with_a_time_of_reply,
    timed.prompt as answered_within_a_day,
    timed.prompt / nullif(timed.answers, 0) as share_within_a_day,
    (
        select count(*)
        from marts.detractor_queue as queue
        inner join detractors on detractors.feedback_id = queue.feedback_id
        where detractors.reply is not null
    ) as violations
from timed
