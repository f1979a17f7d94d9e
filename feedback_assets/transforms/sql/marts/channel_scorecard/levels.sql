-- One row per campaign and level: the channel that the campaign is in, by number and name.
with

campaigns as (
    select distinct campaign_channel, source, medium, campaign
    from parts.channels
),

named as (
    select campaign_channel, 'campaign' as level, source, medium, campaign
    from campaigns
    union all
    select campaign_channel, 'medium' as level, source, medium, '(all)' as campaign
    from campaigns
    union all
    select campaign_channel, 'source' as level, source, '(all)' as medium, '(all)' as campaign
    from campaigns
),

-- Channels of different levels with the same campaigns have the same figures, and so one number. Of
-- two channels that share a campaign, one contains the other: the first campaign and the number of
-- campaigns tell them apart.
numbered as (
    select
        level,
        source,
        medium,
        campaign,
        dense_rank() over (order by min(campaign_channel), count(*)) as channel
    from named
    group by level, source, medium, campaign
)

select named.*, numbered.channel
from named
inner join numbered
    on numbered.level = named.level
    and numbered.source = named.source
    and numbered.medium = named.medium
    and numbered.campaign = named.campaign

union all

-- All channels together have the number 0.
select
    campaign_channel,
    'all' as level,
    '(all)' as source,
    '(all)' as medium,
    '(all)' as campaign,
    0 as channel
from campaigns
