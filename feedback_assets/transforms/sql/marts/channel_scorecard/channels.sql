-- One row per spelling of a campaign: its name, and its number.
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
    select
        kind,
        null as written_source,
        null as written_medium,
        null as written_campaign,
        name as source,
        name as medium,
        name as campaign
    from (
        values ('no touch', '(unattributed)'), ('no order', '(unmatched)')
    ) as others (kind, name)
)

select
    *,
    dense_rank() over (order by source, medium, campaign) as campaign_channel
from named
