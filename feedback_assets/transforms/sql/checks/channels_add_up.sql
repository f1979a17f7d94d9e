-- Every model adds up to the same responses in every window.
with

credited as (
    select window_days, model, sum(responses) as responses
    from marts.nps_by_channel
    group by window_days, model
),

windows as (
    select window_days, max(responses) as most, min(responses) as least, count(*) as models
    from credited
    group by window_days
)

select
    count(*) as windows,
    coalesce(max(most), 0) as responses,
    coalesce(max(most - least), 0) as largest_difference,
    coalesce(sum(case when most - least > 1e-6 or models <> 7 then 1 else 0 end), 0) as violations
from windows
