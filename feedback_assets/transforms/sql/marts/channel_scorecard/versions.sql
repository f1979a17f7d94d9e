-- One row per order as an order or an answer has it: the number by which its touches are found.
--
-- An answer without an order has number 0.
select order_id, ordered_at, row_number() over (order by order_id, ordered_at) as version
from (
    select order_id, ordered_at
    from parts.orders
    where bucket is not null
    union
    select order_id, ordered_at
    from parts.answers
    where bucket is not null and order_id is not null
) as orders
union all
select null as order_id, null as ordered_at, 0 as version
