-- One row a way to write a channel: its name, and the number of the channel at each level.
with

-- "channel_name(t) … null and blank are (none)". A touch is told from what stands for none by the
-- kind, for a touch without any name is one too.
named as (
    select
        'touch' as kind,
        source as written_source,
        medium as written_medium,
        campaign as written_campaign,
        coalesce(channel_name(source), '(none)') as source,
        coalesce(channel_name(medium), '(none)') as medium,
        coalesce(channel_name(campaign), '(none)') as campaign
    from (select distinct source, medium, campaign from unified.attribution) as written
    union all
    select kind, null, null, null, name, name, name
    from (
        values ('no touch', '(unattributed)'), ('no order', '(unmatched)')
    ) as others(kind, name)
),

numbered as (
    select *, 4 * dense_rank() over (order by source, medium, campaign) as campaign_channel
    from named
)

-- A channel's number tells its level: that of the first campaign in it, and 1 for a medium, 2 for a
-- source; 3 is the number of all.
select
    *,
    min(campaign_channel) over (partition by source, medium) + 1 as medium_channel,
    min(campaign_channel) over (partition by source) + 2 as source_channel
from numbered
