-- One row per campaign and channel that it is in, whatever the levels of the channel.
select distinct campaign_channel, channel
from parts.levels
