-- One row per planned day, survey and sending type.
with

-- send_at is an estimate: a tracker that was moved to another day, and so is stored in two
-- partitions, counts as last changed.
latest_trackers as (
    select
        *,
        row_number() over (
            partition by id
            order by updated_at desc nulls last, day desc
        ) as choice
    from fullwhere.survey_trackers
),

trackers as (
    select * from latest_trackers where choice = 1
),

surveys as (
    select id, purchase_id, sent_at
    from trackers
    where sent_at is not null and purchase_id is not null
),

matched as (
    select order_id, order_source_id, responded_at
    from marts.order_feedback
    where order_id is not null and not is_spam
),

answers as (
    select order_id as purchase_id, responded_at
    from matched
    where order_id in (select purchase_id from surveys)
    union all
    select order_source_id as purchase_id, responded_at
    from matched
    where order_source_id in (select purchase_id from surveys)
),

-- Surveys and answers of one purchase on a common timeline, backwards: each survey sees the first
-- answer after it. Purchases without both are filtered out before: sorting all of them takes twice
-- as long.
timeline as (
    select
        purchase_id, sent_at as moment, 1 as is_survey, id,
        cast(null as timestamptz) as responded_at
    from surveys
    where purchase_id in (select purchase_id from answers)
    union all
    select
        purchase_id, responded_at as moment, 0 as is_survey, cast(null as varchar) as id,
        responded_at
    from answers
),

seen as (
    select
        id,
        moment as sent_at,
        last_value(responded_at ignore nulls) over (
            partition by purchase_id
            order by moment desc, is_survey
            rows between unbounded preceding and current row
        ) as answered_at
    from timeline
),

-- "trackers on whose order an answer, not spam, was given within FEEDBACK_MATCH_DAYS after
-- sending"
answered as (
    select id
    from seen
    where
        id is not null
        and unix_micros(answered_at) - unix_micros(sent_at)
        <= cast($match_days as bigint) * 86400000000
),

summed as (
    select
        trackers.day,
        trackers.survey_name,
        trackers.sending_type,
        count(*) as planned,
        sum(case when trackers.sent_at is not null then 1 else 0 end) as sent,
        sum(case when trackers.resent then 1 else 0 end) as resent,
        sum(
            case
                when coalesce(trackers.clicks, 0) > 0 or coalesce(trackers.unique_clicks, 0) > 0
                    then 1
                else 0
            end
        ) as clicked,
        sum(case when answered.id is not null then 1 else 0 end) as answered
    from trackers
    left join answered on answered.id = trackers.id
    group by trackers.day, trackers.survey_name, trackers.sending_type
)

-- "response_rate = answered / sent (null where none was sent)"
select
    *,
    case when sent > 0 then cast(answered as double) / sent end as response_rate
from summed
