-- Who answered: first and later orders of the channels with most answers, and of the whole.
select
    level,
    source,
    medium,
    campaign,
    orders,
    new_customers + unknown_customers as first_orders,
    repeat_orders as later_orders,
    response_rate,
    responses,
    promoters,
    passives,
    detractors,
    effective_responses,
    nps,
    nps_low,
    nps_high,
    first_responses,
    first_nps,
    rest_nps
from marts.channel_scorecard
where
    window_days = $length
    and model = $model
    and level in ($level, 'all')
    and currency = '(all)'
    and not list_contains($unnamed, source)
    and effective_responses >= $few
order by level <> 'all', effective_responses desc, source, medium, campaign
limit $most + 1
