-- One row per order, and what is known about its customer.
with

-- "earliest, ties to the smaller order_id, any currency"
placed as (
    select
        *,
        dense_rank() over (order by customer, currency) as account,
        row_number() over (partition by customer order by ordered_at, order_id) as place,
        lead(ordered_at) over (partition by customer order by ordered_at, order_id) as next_at
    from parts.held_orders
),

-- A customer with orders in several currencies has an account in each, and one for all of them.
several as (
    select customer, -min(account) as all_account
    from placed
    group by customer
    having min(account) < max(account)
),

-- "where ≥365 days are held before the order"
ordered_days as (
    select placed.day, count(days.day) as days_before
    from (select distinct day from placed) as placed
    left join parts.days on days.day < placed.day
    group by placed.day
),

-- "the contact of that order is in wicked_reports.contacts with create_date on or after the first
-- day held of orders (nobody orders before existing)"
began as (
    select id
    from wicked_reports_contacts_latest
    where
        create_date
        >= (select cast(min(day) as timestamptz) as first_held from parts.days)
),

-- "NPS counts rows with a score that are not spam."
answers as (
    select feedback_id, responded_at, nps_class, order_id, customer_key
    from marts.order_feedback
    where score is not null and not is_spam
),

answered as (
    select order_id, min(responded_at) as first_at
    from answers
    where order_id is not null
    group by order_id
),

keys as (
    select person, customer_key(person, $inner_pad, $outer_pad) as customer_key
    from (select distinct person from parts.held_orders where person is not null) as people
),

-- "the customer's latest counted answer ever held, as customer_value does": the matched order's
-- customer, else the one with the answer's e-mail. Of two of one instant the smaller feedback_id
-- counts.
latest as (
    select
        coalesce(orders.person, keys.person, orders.customer) as customer,
        min(
            {
                'before': -unix_micros(answers.responded_at),
                'feedback_id': answers.feedback_id,
                'nps_class': answers.nps_class
            }
        ) as answer
    from answers
    left join parts.held_orders as orders on orders.order_id = answers.order_id
    left join keys on keys.customer_key = answers.customer_key
    group by coalesce(orders.person, keys.person, orders.customer)
)

select
    placed.order_id,
    placed.ordered_at,
    placed.account,
    several.all_account,
    placed.currency,
    placed.net_amount,
    age_bucket(days_between(placed.day, cast($last_day as date))) as bucket,
    placed.place = 1 as is_first,
    placed.place = 1
    and (began.id is not null or ordered_days.days_before >= 365) as is_new,
    -- "share followed by another of the customer within 30 days": days of 24 hours.
    coalesce(
        unix_micros(placed.next_at) - unix_micros(placed.ordered_at) <= 2592000000000, false
    ) as is_followed,
    -- "response_rate counts answers within 14 days of the order"
    coalesce(
        unix_micros(answered.first_at) - unix_micros(placed.ordered_at) <= 1209600000000, false
    ) as is_answered,
    latest.customer is not null as is_of_answering,
    coalesce(latest.answer.nps_class = 'detractor', false) as is_of_detractor
from placed
inner join ordered_days on ordered_days.day = placed.day
left join several on several.customer = placed.customer
left join began on began.id = placed.contact_id
left join answered on answered.order_id = placed.order_id
left join latest on latest.customer = placed.customer
