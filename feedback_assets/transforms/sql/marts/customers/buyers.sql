-- One row per customer, with the pseudonym and the first order in any currency.
--
-- Customers are grouped by the text that customer_key is made from, and hashed once: hashing every
-- order took a third of the time.
select
    customer,
    customer_key(customer, $inner_pad, $outer_pad) as customer_key,
    first_ordered_at
from (
    select customer, min(ordered_at) as first_ordered_at
    from parts.customer_orders
    group by customer
) as firsts
