-- One row an order, track and channel of each level but all: the weights that the models give it.
--
-- Weights are in whole 10^-15, which fit 64 bits.
with

weighed as (
    select
        versions.version,
        models.track,
        models.slot,
        channels.campaign_channel,
        channels.medium_channel,
        channels.source_channel,
        small_units(touch.weight) as weight
    from unified.attribution as touch
    inner join parts.models on models.model = touch.model
    inner join parts.versions
        on versions.order_id = touch.order_id and versions.ordered_at = touch.ordered_at
    inner join parts.channels
        on channels.written_source is not distinct from touch.source
        and channels.written_medium is not distinct from touch.medium
        and channels.written_campaign is not distinct from touch.campaign
        and channels.kind = 'touch'
),

touched as (
    select
        version,
        track,
        campaign_channel,
        min(medium_channel) as medium_channel,
        min(source_channel) as source_channel,
        sum(case when slot = 1 then weight end) as weight_1,
        sum(case when slot = 2 then weight end) as weight_2,
        sum(case when slot = 3 then weight end) as weight_3
    from weighed
    group by version, track, campaign_channel
),

-- "Weight w from unified.attribution, else (unattributed) 1."
found as (
    select
        version,
        track,
        max(weight_1) as weight_1,
        max(weight_2) as weight_2,
        max(weight_3) as weight_3
    from touched
    group by version, track
),

tracks as (
    select track, max(slot) as slots
    from parts.models
    group by track
),

untouched as (
    select
        versions.version,
        tracks.track,
        channels.campaign_channel,
        channels.medium_channel,
        channels.source_channel,
        case when found.weight_1 is null then small_units(1e0) end as weight_1,
        case when tracks.slots >= 2 and found.weight_2 is null then small_units(1e0) end as weight_2,
        case when tracks.slots >= 3 and found.weight_3 is null then small_units(1e0) end as weight_3
    from parts.versions
    cross join tracks
    inner join parts.channels on channels.kind = 'no touch'
    left join found on found.version = versions.version and found.track = tracks.track
    where found.weight_1 is null
        or (tracks.slots >= 2 and found.weight_2 is null)
        or (tracks.slots >= 3 and found.weight_3 is null)
),

credited as (
    select *
    from touched
    union all
    select *
    from untouched
)

select version, track, campaign_channel as channel,
    fits(weight_1) as weight_1, fits(weight_2) as weight_2, fits(weight_3) as weight_3
from credited

union all

select version, track, medium_channel,
    fits(sum(weight_1)), fits(sum(weight_2)), fits(sum(weight_3))
from credited
group by version, track, medium_channel

union all

select version, track, source_channel,
    fits(sum(weight_1)), fits(sum(weight_2)), fits(sum(weight_3))
from credited
group by version, track, source_channel
