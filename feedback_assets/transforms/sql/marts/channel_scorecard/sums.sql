-- One row per channel, currency and bucket of ages: what is credited, in units.
--
-- Everything that adds up over customers and days.
with

by_kind as (
    select
        track,
        campaign_channel,
        currency,
        bucket,
        is_first,
        is_new,
        is_followed,
        is_answered,
        is_of_answering,
        is_of_detractor,
        sum(weight_1) as weight_1,
        sum(weight_2) as weight_2,
        sum(weight_3) as weight_3,
        sum(money_share(net_amount, weight_1)) as money_1,
        sum(money_share(net_amount, weight_2)) as money_2,
        sum(money_share(net_amount, weight_3)) as money_3
    from parts.credits
    group by
        track, campaign_channel, currency, bucket, is_first, is_new, is_followed, is_answered,
        is_of_answering, is_of_detractor
),

by_model as (
    select
        by_kind.*,
        slots.model,
        of_slot(slots.slot, weight_1, weight_2, weight_3) as weight,
        of_slot(slots.slot, money_1, money_2, money_3) as money
    from by_kind
    inner join parts.slots on slots.track = by_kind.track
),

by_campaign as (
    select
        model,
        campaign_channel,
        currency,
        bucket,
        sum(weight) as orders,
        sum(money) as net_amount,
        sum(case when is_first and is_new then weight else 0 end) as new_customers,
        sum(case when is_first and not is_new then weight else 0 end) as unknown_customers,
        sum(case when is_followed then weight else 0 end) as followed,
        sum(case when is_answered then weight else 0 end) as answered,
        sum(case when is_of_answering then money else 0 end) as net_amount_answered,
        sum(case when is_of_detractor then money else 0 end) as net_amount_detractors
    from by_model
    where weight is not null
    group by model, campaign_channel, currency, bucket
)

select
    by_campaign.model,
    memberships.channel,
    by_campaign.currency,
    by_campaign.bucket,
    sum(by_campaign.orders) as orders,
    sum(by_campaign.net_amount) as net_amount,
    sum(by_campaign.new_customers) as new_customers,
    sum(by_campaign.unknown_customers) as unknown_customers,
    sum(by_campaign.followed) as followed,
    sum(by_campaign.answered) as answered,
    sum(by_campaign.net_amount_answered) as net_amount_answered,
    sum(by_campaign.net_amount_detractors) as net_amount_detractors
from by_campaign
inner join parts.memberships on memberships.campaign_channel = by_campaign.campaign_channel
group by by_campaign.model, memberships.channel, by_campaign.currency, by_campaign.bucket
