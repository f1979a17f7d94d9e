-- One row per day, provider and rule. "responses (all feedback rows)": includes spam and answers
-- without a score.
select day, provider, match_method, count(*) as responses
from marts.order_feedback
where day between $first_day and $last_day
group by day, provider, match_method
