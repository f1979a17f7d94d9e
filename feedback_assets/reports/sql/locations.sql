-- The locations of each window: both ends of a long list by NPS, and those with few answers only
-- where there is room, because they are not ranked.
with

counted as (
    select
        *,
        responses >= $few as is_enough,
        (promoters - detractors)::double / nullif(responses, 0) as share
    from marts.nps_by_location
    where list_contains($windows, window_days)
),

ranked as (
    select
        *,
        row_number() over (
            partition by window_days, is_enough
            order by share, location_ref, provider
        ) as from_bottom,
        row_number() over (
            partition by window_days, is_enough
            order by share desc, location_ref desc, provider desc
        ) as from_top,
        count(*) over (partition by window_days) as locations
    from counted
)

select
    window_days,
    provider,
    location_ref,
    responses::double as responses,
    promoters::double as promoters,
    passives::double as passives,
    detractors::double as detractors,
    locations
from ranked
qualify
    row_number() over (
        partition by window_days
        order by
            is_enough desc,
            case when is_enough then least(from_top, from_bottom) end,
            responses desc,
            provider,
            location_ref
    ) <= $most
order by window_days, responses desc, provider, location_ref
