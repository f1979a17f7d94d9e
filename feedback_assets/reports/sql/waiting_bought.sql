-- By currency, what the customers who wait for a reply have bought in all, each counted once.
select
    currency,
    sum(customer_net_amount) as net_amount
from (
    select
        coalesce(customer_key, feedback_id) as customer,
        coalesce(currency, '(none)') as currency,
        max(customer_net_amount) as customer_net_amount
    from marts.detractor_queue
    group by all
)
where customer_net_amount is not null
group by currency
order by currency
