-- "responses and classes = nps_by_channel after name normalising; Σcurrency responses + (unmatched)
-- = (all)", and so at every level.
with

channels as (
    select window_days, model, source, medium, campaign, responses, promoters, passives, detractors
    from marts.nps_by_channel
),

scored as (
    select window_days, model, source, medium, campaign, responses, promoters, passives, detractors
    from marts.channel_scorecard
    where level = 'campaign' and currency = '(all)' and responses > 0
),

compared as (
    select
        greatest(
            abs(coalesce(scored.responses, 0) - coalesce(channels.responses, 0)),
            abs(coalesce(scored.promoters, 0) - coalesce(channels.promoters, 0)),
            abs(coalesce(scored.passives, 0) - coalesce(channels.passives, 0)),
            abs(coalesce(scored.detractors, 0) - coalesce(channels.detractors, 0))
        ) as difference
    from channels
    full join scored
        on scored.window_days = channels.window_days
        and scored.model = channels.model
        and scored.source = channels.source
        and scored.medium = channels.medium
        and scored.campaign = channels.campaign
),

sums as (
    select
        window_days,
        model,
        level,
        sum(case when currency = '(all)' then responses else 0 end) as of_all,
        sum(case when currency <> '(all)' then responses else 0 end) as of_currencies
    from marts.channel_scorecard
    group by window_days, model, level
),

unmatched as (
    select window_days, model, sum(responses) as responses
    from channels
    where source = '(unmatched)' and medium = '(unmatched)' and campaign = '(unmatched)'
    group by window_days, model
),

totals as (
    select window_days, model, sum(responses) as responses
    from channels
    group by window_days, model
),

added as (
    select
        greatest(
            abs(sums.of_all - coalesce(totals.responses, 0)),
            abs(sums.of_currencies + coalesce(unmatched.responses, 0) - sums.of_all)
        ) as difference
    from sums
    left join totals on totals.window_days = sums.window_days and totals.model = sums.model
    left join unmatched
        on unmatched.window_days = sums.window_days and unmatched.model = sums.model
)

select
    count(*) as compared,
    coalesce(max(difference), 0) as largest_difference,
    coalesce(sum(case when difference > 1e-6 then 1 else 0 end), 0) as violations
from (
    select difference from compared
    union all
    select difference from added
) as differences
