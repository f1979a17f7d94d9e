-- The rows from which the findings follow.
select *
from marts.channel_scorecard
where
    window_days = $window
    and (
        level = 'all'
        or (level = $level and (currency = '(all)' or model = $model))
    )
