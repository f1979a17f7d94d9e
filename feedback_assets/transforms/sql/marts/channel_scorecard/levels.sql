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
    union all
    select
        campaign_channel,
        'all' as level,
        '(all)' as source,
        '(all)' as medium,
        '(all)' as campaign
    from campaigns
)

-- The number says the level as well. All channels together have the number 0.
select
    *,
    case
        when level = 'all' then 0
        else dense_rank() over (order by level, source, medium, campaign)
    end as channel
from named
