-- By currency, the orders' amounts, payments and refunds add up to what the provider sent. "Money
-- is never added across currencies." An order whose own payments or quantities add up to more than
-- a column can hold has null there, and is named.
with

sent as (
    select
        day,
        currency_code(currency) as currency,
        count(*) as orders,
        sum(amount) as amount,
        sum(list_sum(list_transform(payments, lambda p: paid_by(p.status, p.amount)))) as paid,
        sum(list_sum(list_transform(payments, lambda p: refunded_by(p.status, p.amount))))
            as refunded
    from wicked_reports.orders
    where day between $first_day and $last_day
    group by day, currency_code(currency)
),

kept as (
    select
        day,
        currency,
        count(*) as orders,
        sum(amount) as amount,
        sum(paid_amount) as paid,
        sum(refunded_amount) as refunded
    from unified.orders
    where day between $first_day and $last_day
    group by day, currency
),

too_large as (
    select min(order_id) as order_id, count(*) as orders
    from unified.orders
    where
        day between $first_day and $last_day
        and (paid_amount is null or refunded_amount is null or item_count is null)
)

select
    coalesce(sum(sent.orders), 0) as orders_sent,
    coalesce(sum(kept.orders), 0) as orders_kept,
    count(distinct sent.currency) as currencies,
    (select orders from too_large) as orders_too_large,
    (select order_id from too_large) as first_order_too_large,
    coalesce(
        sum(
            case
                when sent.orders is distinct from kept.orders then 1
                when coalesce(sent.amount, 0) <> coalesce(kept.amount, 0) then 1
                when coalesce(sent.paid, 0) <> coalesce(kept.paid, 0) then 1
                when coalesce(sent.refunded, 0) <> coalesce(kept.refunded, 0) then 1
                else 0
            end
        ),
        0
    ) + (select orders from too_large) as violations
from sent
full join kept
    on kept.day = sent.day
    and kept.currency is not distinct from sent.currency
