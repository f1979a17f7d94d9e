-- One row per window, channel and currency: customers who became or ceased to be promoters.
with

-- "credited by the former's order": by that of the latest answer in the window.
credited as (
    select
        turned.window_days,
        turned.is_won,
        turned.currency,
        slots.model,
        memberships.channel,
        of_slot(slots.slot, weight_1, weight_2, weight_3) as weight
    from parts.turned
    left join parts.versions
        on versions.order_id = turned.order_id and versions.ordered_at = turned.ordered_at
    inner join parts.touches on coalesce(versions.version, 0) = touches.version
    inner join parts.memberships on memberships.campaign_channel = touches.campaign_channel
    inner join parts.slots on slots.track = touches.track
),

by_currency as (
    select *, currency as counted_in
    from credited
    where currency <> '(unmatched)'
    union all
    select *, '(all)' as counted_in
    from credited
)

select
    window_days,
    model,
    channel,
    counted_in as currency,
    of_units(sum(case when is_won then weight else 0 end)) as promoters_won,
    of_units(sum(case when is_won then 0 else weight end)) as promoters_lost
from by_currency
where weight is not null
group by window_days, model, channel, counted_in
