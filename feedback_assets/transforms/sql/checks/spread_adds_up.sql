-- Customers and money of each class and currency are those of customer_value.
select
    count(*) as classes,
    coalesce(
        sum(
            case
                when coalesce(spread.customers, 0) <> coalesce(value.customers, 0) then 1
                when coalesce(spread.net_amount, 0) <> coalesce(value.net_amount, 0) then 1
                else 0
            end
        ),
        0
    ) as violations
from marts.customer_value_spread as spread
full join marts.customer_value as value
    on value.nps_class = spread.nps_class
    and value.currency is not distinct from spread.currency
