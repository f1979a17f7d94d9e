-- What tests and ranks of every view need, of each channel with enough customers; all currencies.
select
    window_days,
    model,
    level,
    source,
    medium,
    campaign,
    effective_responses,
    responses_before,
    nps_adjusted,
    nps_se,
    versus_z,
    change_z
from marts.channel_scorecard
where
    currency = '(all)'
    and level <> 'all'
    and effective_responses >= $few
    and list_contains($windows, window_days)
order by window_days, model, level, source, medium, campaign
