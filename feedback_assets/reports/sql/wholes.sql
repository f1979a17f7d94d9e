-- All answers of each window with the interval and the test by customers; the same in every model.
select
    window_days,
    responses,
    nps_low,
    nps_high,
    nps_change,
    nps_change_low,
    nps_change_high,
    change_z
from marts.channel_scorecard
where
    level = 'all'
    and currency = '(all)'
    and model = (select min(every.model) from marts.channel_scorecard as every)
order by window_days
