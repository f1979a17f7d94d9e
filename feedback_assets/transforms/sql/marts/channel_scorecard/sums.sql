-- One row per channel, currency and bucket of ages: what is credited, in units.
--
-- Everything that adds up over customers and days.
with

by_campaign as (
    select
        model,
        campaign_channel,
        min(medium_channel) as medium_channel,
        min(source_channel) as source_channel,
        currency,
        bucket,
        sum(weight) as orders,
        sum(money_share(net_amount, weight)) as net_amount,
        sum(case when is_first and is_new then weight else 0 end) as new_customers,
        sum(case when is_first and not is_new then weight else 0 end) as unknown_customers,
        sum(case when is_followed then weight else 0 end) as followed,
        sum(case when is_answered then weight else 0 end) as answered,
        sum(case when is_of_answering then money_share(net_amount, weight) else 0 end)
            as net_amount_answered,
        sum(case when is_of_detractor then money_share(net_amount, weight) else 0 end)
            as net_amount_detractors
    from parts.credits
    group by model, campaign_channel, currency, bucket
),

by_level as (
    select 'campaign' as level, campaign_channel as channel, *
    from by_campaign
    union all
    select 'medium', medium_channel, *
    from by_campaign
    union all
    select 'source', source_channel, *
    from by_campaign
    union all
    select 'all', 0, *
    from by_campaign
)

select
    level,
    model,
    channel,
    currency,
    bucket,
    sum(orders) as orders,
    sum(net_amount) as net_amount,
    sum(new_customers) as new_customers,
    sum(unknown_customers) as unknown_customers,
    sum(followed) as followed,
    sum(answered) as answered,
    sum(net_amount_answered) as net_amount_answered,
    sum(net_amount_detractors) as net_amount_detractors
from by_level
group by level, model, channel, currency, bucket
