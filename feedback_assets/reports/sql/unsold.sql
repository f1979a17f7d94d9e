-- The largest spends without an order beside the largest channels without spend, each channel once:
-- in the first of its currencies.
with channels as (
    select
        source,
        medium,
        campaign,
        currency,
        orders,
        net_amount,
        spend,
        sum(orders) over channel as all_orders,
        max(spend) over channel as any_spend,
        row_number() over (
            partition by source, medium, campaign
            order by
                coalesce(spend, 0) = 0 and coalesce(net_amount, 0) = 0,
                list_position($currencies, currency)
        ) as choice
    from marts.channel_scorecard
    where
        window_days = $length
        and model = $model
        and level = $level
        and currency <> '(all)'
        and not list_contains($unnamed, source)
    window channel as (partition by source, medium, campaign)
),

kinds as (
    select
        *,
        case
            when any_spend > 0 and all_orders = 0 then 'spend without orders'
            when any_spend is null and net_amount > 0 then 'orders without spend'
        end as kind
    from channels
    where choice = 1
),

places as (
    select
        *,
        row_number() over (
            partition by kind
            order by
                list_position($currencies, currency),
                coalesce(spend, net_amount) desc, source, medium, campaign
        ) as place
    from kinds
    where kind is not null
)

select
    kind,
    source,
    medium,
    campaign,
    currency,
    orders,
    net_amount,
    spend
from places
where place <= $most
order by kind, place
