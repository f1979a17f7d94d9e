-- One row per credit: an order that a model gives to a channel, in whole or in part.
--
-- The weight is in whole 10^-15, which fit 64 bits.
select
    models.number as model,
    channels.campaign_channel,
    channels.medium_channel,
    channels.source_channel,
    cast(units(touch.weight) as bigint) as weight,
    orders.currency,
    orders.account,
    orders.all_account,
    orders.bucket,
    orders.net_amount,
    orders.is_first,
    orders.is_new,
    orders.is_followed,
    orders.is_answered,
    orders.is_of_answering,
    orders.is_of_detractor
from unified.attribution as touch
inner join parts.models on models.model = touch.model
inner join parts.orders
    on orders.order_id = touch.order_id and orders.ordered_at = touch.ordered_at
inner join parts.channels
    on channels.written_source is not distinct from touch.source
    and channels.written_medium is not distinct from touch.medium
    and channels.written_campaign is not distinct from touch.campaign
    and channels.kind = 'touch'
where orders.bucket is not null

union all

-- "Weight w from unified.attribution, else (unattributed) 1."
select
    models.number as model,
    channels.campaign_channel,
    channels.medium_channel,
    channels.source_channel,
    cast(units(1e0) as bigint) as weight,
    orders.currency,
    orders.account,
    orders.all_account,
    orders.bucket,
    orders.net_amount,
    orders.is_first,
    orders.is_new,
    orders.is_followed,
    orders.is_answered,
    orders.is_of_answering,
    orders.is_of_detractor
from parts.orders
cross join parts.models
inner join parts.channels on channels.kind = 'no touch'
left join unified.attribution as touch
    on touch.order_id = orders.order_id
    and touch.ordered_at = orders.ordered_at
    and touch.model = models.model
    and touch.touch_index = 1
where touch.order_id is null and orders.bucket is not null
