-- One row per order, track and campaign: the weights and, by them, its net amount.
select
    touches.track,
    touches.campaign_channel,
    touches.weight_1,
    touches.weight_2,
    touches.weight_3,
    orders.net_amount,
    units(orders.net * of_small_units(touches.weight_1)) as money_1,
    units(orders.net * of_small_units(touches.weight_2)) as money_2,
    units(orders.net * of_small_units(touches.weight_3)) as money_3,
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
    select
        orders.*,
        versions.version,
        as_double(orders.net_amount) as net
    from parts.orders
    inner join parts.versions
        on versions.order_id = orders.order_id and versions.ordered_at = orders.ordered_at
    where orders.bucket is not null
) as orders
inner join parts.touches on touches.version = orders.version
