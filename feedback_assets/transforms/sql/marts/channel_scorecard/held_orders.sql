-- One row per order, in the currency and of the customer that it counts for.
--
-- "customer = coalesce(customer_email, contact_id), without one: the order itself"
select
    order_id,
    ordered_at,
    day,
    contact_id,
    coalesce(currency, '(none)') as currency,
    coalesce(net_amount, 0) as net_amount,
    coalesce(customer_email, contact_id) as person,
    coalesce(customer_email, contact_id, '(order) ' || order_id) as customer
from unified_orders_latest
