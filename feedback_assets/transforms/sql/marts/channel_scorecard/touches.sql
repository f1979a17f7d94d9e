-- One row per order, track and campaign: the weights that the models of the track give it.
--
-- Weights are in whole 10^-15, which fit 64 bits.
with

weighed as (
    select
        versions.version,
        models.track,
        models.slot,
        channels.campaign_channel,
        small_units(touch.weight) as weight
    from unified.attribution as touch
    inner join parts.models on models.model = touch.model
    inner join parts.versions
        on versions.order_id = touch.order_id and versions.ordered_at = touch.ordered_at
    inner join parts.channels
        on touch.source is not distinct from channels.written_source
        and touch.medium is not distinct from channels.written_medium
        and touch.campaign is not distinct from channels.written_campaign
        and channels.kind = 'touch'
),

touched as (
    select
        version,
        track,
        campaign_channel,
        small_sum(case when slot = 1 then weight end) as weight_1,
        small_sum(case when slot = 2 then weight end) as weight_2,
        small_sum(case when slot = 3 then weight end) as weight_3
    from weighed
    group by version, track, campaign_channel
),

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

-- "Weight w from unified.attribution, else (unattributed) 1."
untouched as (
    select
        versions.version,
        tracks.track,
        channels.campaign_channel,
        case when found.weight_1 is null then small_units(1e0) end as weight_1,
        case
            when tracks.slots >= 2 and found.weight_2 is null then small_units(1e0)
        end as weight_2,
        case
            when tracks.slots >= 3 and found.weight_3 is null then small_units(1e0)
        end as weight_3
    from parts.versions
    cross join tracks
    inner join parts.channels
        on channels.kind = case when versions.version = 0 then 'no order' else 'no touch' end
    left join found on found.version = versions.version and found.track = tracks.track
)

select *
from touched
union all
select *
from untouched
where weight_1 is not null or weight_2 is not null or weight_3 is not null
