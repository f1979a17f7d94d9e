-- "An answer may come up to FEEDBACK_MATCH_DAYS after the purchase day in whose partition it is
-- stored; Thanx lets them expire within days, and a check counts any that come later."
with

answers as (
    select
        day,
        cast(coalesce(rated_at, reviewed_at, responded_at, purchased_at) as date) as answered
    from thanx.feedbacks
    where
        day between $first_day and $last_day
        and (rating is not null or present(review) is not null)
)

select
    count(*) as answers,
    coalesce(max(days_between(day, answered)), 0) as longest_days,
    coalesce(sum(case when answered < day then 1 else 0 end), 0) as before_their_purchase,
    coalesce(
        sum(case when days_between(day, answered) not between 0 and $match_days then 1 else 0 end),
        0
    ) as violations
from answers
