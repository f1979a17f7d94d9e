-- The locations with most answers of each window.
select
    window_days,
    provider,
    location_ref,
    responses::double as responses,
    promoters::double as promoters,
    passives::double as passives,
    detractors::double as detractors,
    count(*) over (partition by window_days) as locations
from marts.nps_by_location
where list_contains($windows, window_days)
qualify
    row_number() over (
        partition by window_days order by responses desc, provider, location_ref
    ) <= $most
order by window_days, responses desc, provider, location_ref
