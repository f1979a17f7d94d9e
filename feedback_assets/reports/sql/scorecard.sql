-- The scorecard of every view: the channels that are largest by answers, revenue or spend, the rest
-- of them in one row of sums, and the whole. To keep the page small with a thousand campaigns.
with scores as (
    select
        *,
        list_contains($uncredited, source) as is_uncredited
    from marts.channel_scorecard
    where
        list_contains($windows, window_days)
        and (currency = '(all)' or list_contains($currencies, currency))
),

sizes as (
    select
        window_days,
        model,
        level,
        source,
        medium,
        campaign,
        is_uncredited,
        max(case when currency = '(all)' then effective_responses end) as answered,
        max(case when currency = $currency then net_amount end) as bought,
        max(spend) as spent
    from scores
    where level <> 'all'
    group by all
),

places as (
    select
        *,
        least(
            row_number() over (best order by answered desc nulls last, source, medium, campaign),
            row_number() over (best order by bought desc nulls last, source, medium, campaign),
            row_number() over (best order by spent desc nulls last, source, medium, campaign)
        ) as best_place
    from sizes
    window best as (partition by window_days, model, level, is_uncredited)
),

chosen as (
    select
        window_days,
        model,
        level,
        source,
        medium,
        campaign,
        is_uncredited or row_number() over (
            partition by window_days, model, level, is_uncredited
            order by best_place, answered desc nulls last, source, medium, campaign
        ) <= $most as is_shown
    from places
),

marked as (
    select
        scores.*,
        coalesce(chosen.is_shown, true) as is_shown
    from scores
    left join chosen
        on
        chosen.window_days = scores.window_days
        and chosen.model = scores.model
        and chosen.level = scores.level
        and chosen.source = scores.source
        and chosen.medium = scores.medium
        and chosen.campaign = scores.campaign
)

select  -- noqa: AM07
    window_days,
    model,
    level,
    currency,
    source,
    medium,
    campaign,
    is_uncredited,
    1 as channels,
    orders,
    net_amount,
    buyers,
    customers,
    effective_customers,
    net_amount_per_customer,
    net_amount_per_customer_low,
    net_amount_per_customer_high,
    median,
    q1,
    q3,
    new_customers,
    unknown_customers,
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
    first_nps_low,
    first_nps_high,
    nps_change,
    nps_change_low,
    nps_change_high,
    responses_before,
    spend,
    spend_days_missing,
    cost_per_order,
    roas,
    roas_covers,
    cost_per_promoter,
    cost_per_promoter_low,
    cost_per_promoter_high
from marked
where is_shown

union all by name

select
    window_days,
    model,
    level,
    currency,
    false as is_uncredited,
    count(*) as channels,
    sum(orders) as orders,
    sum(net_amount) as net_amount,
    sum(customers) as customers,
    sum(new_customers) as new_customers,
    sum(unknown_customers) as unknown_customers,
    sum(responses) as responses,
    sum(promoters) as promoters,
    sum(passives) as passives,
    sum(detractors) as detractors,
    case
        when sum(responses) > 0
            then 100 * (sum(promoters) - sum(detractors)) / sum(responses)
    end as nps,
    sum(spend) as spend
from marked
where not is_shown
group by window_days, model, level, currency
order by window_days, model, level, currency, responses desc, source, medium, campaign
