-- One row per order of a customer, named by the text that customer_key is made from.
--
-- "a customer is a customer_key with an order"
select
    order_id,
    ordered_at,
    currency,
    net_amount,
    coalesce(customer_email, contact_id) as customer
from unified_orders_latest
where customer_email is not null or contact_id is not null
