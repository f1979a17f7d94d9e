-- One row an order as an order or an answer about it has it, by the number that its touches have.
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
