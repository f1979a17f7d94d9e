-- The window, and the levels, from which findings and tables are made.
select *
from marts.channel_scorecard
where window_days = $window_days and level in ('all', 'campaign')
order by model, level, source, medium, campaign, currency
