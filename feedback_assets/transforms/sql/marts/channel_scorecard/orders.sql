-- One row per order, and what is known about its customer.
with

-- "earliest, ties to the smaller order_id, any currency": the first of those read, which is the
-- first of all if it is the customer's.
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

-- "the contact of that order is in wicked_reports.contacts with create_date on or after the first
-- day held of orders (nobody orders before existing)"
began as (
    select id
    from wicked_reports_contacts_latest
    where
        create_date
        >= (select cast(min(day) as timestamptz) as first_held from parts.days)
),

answered as (
    select order_id, min(responded_at) as first_at
    from parts.counted_answers
    where order_id is not null
    group by order_id
),

customers as (
    select distinct customer_key, first_ordered_at, nps_class
    from marts.customers
),

-- "the customer's latest counted answer ever held, as customer_value does"
people as (
    select keys.person, customers.first_ordered_at, customers.nps_class
    from (
        select person, customer_key(person, $inner_pad, $outer_pad) as customer_key
        from (select distinct person from parts.held_orders where person is not null) as named
    ) as keys
    inner join customers on customers.customer_key = keys.customer_key
),

-- The latest answer about an order without a customer, unless a customer gave it. Of two of one
-- instant the smaller feedback_id counts.
nobodys as (
    select
        orders.order_id,
        min(
            {
                'before': -unix_micros(answers.responded_at),
                'feedback_id': answers.feedback_id,
                'nps_class': answers.nps_class
            }
        ) as answer
    from parts.held_orders as orders
    inner join parts.counted_answers as answers on answers.order_id = orders.order_id
    left join customers on customers.customer_key = answers.customer_key
    where orders.person is null and customers.customer_key is null
    group by orders.order_id
),

known as (
    select
        placed.*,
        placed.place = 1
        and (placed.person is null or coalesce(placed.ordered_at = people.first_ordered_at, false))
            as is_first,
        coalesce(people.nps_class, nobodys.answer.nps_class) as nps_class
    from placed
    left join people on people.person = placed.person
    left join nobodys on nobodys.order_id = placed.order_id
)

select
    known.order_id,
    known.ordered_at,
    known.account,
    several.all_account,
    known.currency,
    known.net_amount,
    age_bucket(days.age) as bucket,
    known.is_first,
    -- "where ≥365 days are held before the order"
    known.is_first and (began.id is not null or days.days_before >= 365) as is_new,
    -- "share followed by another of the customer within 30 days": days of 24 hours.
    coalesce(
        unix_micros(known.next_at) - unix_micros(known.ordered_at) <= 2592000000000, false
    ) as is_followed,
    -- "response_rate counts answers within 14 days of the order"
    coalesce(
        unix_micros(answered.first_at) - unix_micros(known.ordered_at) <= 1209600000000, false
    ) as is_answered,
    known.nps_class is not null as is_of_answering,
    coalesce(known.nps_class = 'detractor', false) as is_of_detractor
from known
inner join parts.days on days.day = known.day
left join several on several.customer = known.customer
left join began on began.id = known.contact_id
left join answered on answered.order_id = known.order_id
