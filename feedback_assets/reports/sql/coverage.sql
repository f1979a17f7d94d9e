-- How the answers of the last 90 days were matched with an order.
select
    provider,
    coalesce(match_method, 'none') as match_method,
    sum(responses)::bigint as responses
from marts.match_coverage
where day > cast($last_day as date) - 90
group by provider, match_method
order by provider, match_method
