-- One row per order, track and campaign: the weights and, by them, the money.
select
    touches.track,
    touches.campaign_channel,
    touches.weight_1,
    touches.weight_2,
    touches.weight_3,
    money_share(orders.net_amount, touches.weight_1) as money_1,
    money_share(orders.net_amount, touches.weight_2) as money_2,
    money_share(orders.net_amount, touches.weight_3) as money_3,
    orders.currency,
    orders.account,
    orders.all_account,
    orders.bucket,
    orders.is_first,
    orders.is_new,
    orders.is_followed,
    orders.is_answered,
    orders.is_of_answering,
    orders.is_of_detractor
from (
    select orders.*, versions.version
    from parts.orders
    inner join parts.versions
        on orders.order_id = versions.order_id and orders.ordered_at = versions.ordered_at
    where orders.bucket is not null
) as orders
inner join parts.touches on orders.version = touches.version
