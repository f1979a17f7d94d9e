-- The currencies of the orders, the one with the highest net amount first.
select
    currency,
    max(net_amount) as net_amount
from marts.channel_scorecard
where level = 'all' and currency <> '(all)'
group by currency
order by net_amount desc nulls last, currency
