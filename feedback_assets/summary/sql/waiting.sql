-- Detractors waiting for a reply by currency, and what they bought in it, each customer once.
with customers as (
    select
        coalesce(customer_key, feedback_id) as customer,
        coalesce(currency, '(none)') as currency,
        count(*) as answers,
        max(customer_net_amount) as net_amount
    from marts.detractor_queue
    group by coalesce(customer_key, feedback_id), coalesce(currency, '(none)')
)

select
    currency,
    cast(sum(answers) as bigint) as answers,
    sum(net_amount) as net_amount
from customers
group by currency
order by currency
