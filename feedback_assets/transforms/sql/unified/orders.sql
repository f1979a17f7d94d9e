-- One row per Wicked Reports order, with paid and refunded amounts, on its day.
with

-- paid_by and refunded_by define which payments count; the check money_in_is_money_out uses them
-- too. "item_count (sum of qty, 1 where absent; 0 without products)". Summed within the row: with
-- unnest, group and join it takes three times as long.
counted as (
    select
        *,
        added(
            list_transform(payments, lambda p: case when p is null then 0 else 1 end)
        ) as payment_count,
        added(list_transform(payments, lambda p: paid_by(p.status, p.amount))) as paid_amount,
        added(list_transform(payments, lambda p: refunded_by(p.status, p.amount)))
            as refunded_amount,
        added(
            list_transform(
                products, lambda p: case when p is null then 0 else coalesce(p.qty, 1) end
            )
        ) as item_count
    from wicked_reports.orders
    where day between $first_day and $last_day
)

-- "Blank strings are null." A sum that exceeds its column is null, so that one order of an old
-- partition does not block all orders of its days; money_in_is_money_out names it.
select
    day,
    id as order_id,
    present(source_id) as source_id,
    present(source_system) as source_system,
    "date" as ordered_at,
    present(contact.id) as contact_id,
    present(contact.source_id) as contact_source_id,
    normal_email(contact.email) as customer_email,
    currency_code(currency) as currency,
    amount,
    money(paid_amount) as paid_amount,
    money(refunded_amount) as refunded_amount,
    -- "net_amount (no payments: amount, and 0 paid; else the larger of 0 and paid − refunded)"
    case
        when payment_count = 0 then amount
        when paid_amount > refunded_amount then money(paid_amount - refunded_amount)
        else 0
    end as net_amount,
    money(item_count) as item_count,
    present(subscription_id) as subscription_id
from counted
