-- One row a day, provider and rule. "responses (all feedback rows)": spam and those without a
-- score count too.
select day, provider, match_method, count(*) as responses
from marts.order_feedback
where day between $first_day and $last_day
group by day, provider, match_method
