-- What the orders' amounts, payments and refunds add up to by currency is what the provider sent.
-- "Money is never added across currencies."
with

sent as (
    select
        day,
        currency,
        count(*) as orders,
        sum(amount) as amount,
        sum(
            list_sum(
                list_transform(
                    payments,
                    lambda payment: case
                        when payment is null or payment.amount is null then 0
                        when lower(trimmed(payment.status)) in (
                            'approved', 'manual', 'partially refunded'
                        ) then payment.amount
                        else 0
                    end
                )
            )
        ) as paid,
        sum(
            list_sum(
                list_transform(
                    payments,
                    lambda payment: case
                        when payment is null or payment.amount is null then 0
                        when lower(trimmed(payment.status)) = 'refunded' then abs(payment.amount)
                        else 0
                    end
                )
            )
        ) as refunded
    from wicked_reports.orders
    where day between $first_day and $last_day
    group by day, currency
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
)

select
    coalesce(sum(sent.orders), 0) as orders_sent,
    coalesce(sum(kept.orders), 0) as orders_kept,
    count(distinct sent.currency) as currencies,
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
    ) as violations
from sent
full join kept
    on kept.day = sent.day
    and kept.currency is not distinct from sent.currency
