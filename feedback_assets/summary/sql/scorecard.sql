-- The window and the levels of the findings. ChannelRow names the columns that are used.
select * -- noqa: AM04
from marts.channel_scorecard
where window_days = $window_days and level in ('all', 'campaign')
order by model, level, source, medium, campaign, currency
