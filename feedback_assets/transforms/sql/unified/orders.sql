-- One row an order of Wicked Reports, with what was paid and refunded, on its day.
with

payments as (
    select orders.day, orders.id, lower(item.payment.status) as status, item.payment.amount as amount
    from wicked_reports.orders
    cross join unnest(orders.payments) as item(payment)
    where orders.day between $first_day and $last_day and item.payment is not null
),

-- "paid_amount (payments APPROVED, MANUAL, Partially Refunded), refunded_amount (REFUNDED,
-- absolute) … Payment statuses compare without case."
paid as (
    select
        day,
        id,
        sum(
            case when status in ('approved', 'manual', 'partially refunded') then amount else 0 end
        ) as paid_amount,
        sum(case when status = 'refunded' then abs(amount) else 0 end) as refunded_amount
    from payments
    group by day, id
),

-- "item_count (sum of qty, 1 where absent; 0 without products)"
counted as (
    select orders.day, orders.id, sum(coalesce(item.product.qty, 1)) as item_count
    from wicked_reports.orders
    cross join unnest(orders.products) as item(product)
    where orders.day between $first_day and $last_day and item.product is not null
    group by orders.day, orders.id
)

-- "Blank strings are null. E-mails are trimmed and lower-cased."
select
    orders.day,
    orders.id as order_id,
    present(orders.source_id) as source_id,
    present(orders.source_system) as source_system,
    orders."date" as ordered_at,
    present(orders.contact.id) as contact_id,
    present(orders.contact.source_id) as contact_source_id,
    normal_email(orders.contact.email) as customer_email,
    present(orders.currency) as currency,
    orders.amount,
    coalesce(paid.paid_amount, 0) as paid_amount,
    coalesce(paid.refunded_amount, 0) as refunded_amount,
    -- "net_amount (no payments: amount, and 0 paid; else the larger of 0 and paid − refunded)"
    case
        when paid.id is null then orders.amount
        when paid.paid_amount > paid.refunded_amount then paid.paid_amount - paid.refunded_amount
        else 0
    end as net_amount,
    coalesce(counted.item_count, 0) as item_count,
    present(orders.subscription_id) as subscription_id
from wicked_reports.orders
left join paid on paid.day = orders.day and paid.id = orders.id
left join counted on counted.day = orders.day and counted.id = orders.id
where orders.day between $first_day and $last_day
