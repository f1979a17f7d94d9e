-- One row per NPS class and currency. "Money is never added across currencies."
with

-- "a customer is a customer_key with an order". Customers are grouped by the text that customer_key
-- is made from, and hashed once: hashing every order took a third of the time.
orders as (
    select
        order_id,
        ordered_at,
        currency,
        net_amount,
        coalesce(customer_email, contact_id) as customer
    from unified_orders_latest
    where customer_email is not null or contact_id is not null
),

bought as (
    select
        customer,
        currency,
        sum(net_amount) as net_amount,
        as_double(coalesce(sum(net_amount), 0)) as total
    from orders
    group by customer, currency
),

customers as (
    select customer, customer_key(customer, $inner_pad, $outer_pad) as customer_key
    from (select distinct customer from bought) as buyers
),

-- "class of the latest counted answer, as customer_value", and the first, after which customers are
-- followed. If two answers share an instant, the smaller feedback_id counts.
answers as (
    select
        coalesce(orders.customer, customers.customer) as customer,
        min(
            {
                'place': -unix_micros(feedback.responded_at),
                'feedback_id': feedback.feedback_id,
                'nps_class': feedback.nps_class
            }
        ) as latest,
        min(
            {
                'place': unix_micros(feedback.responded_at),
                'feedback_id': feedback.feedback_id,
                'nps_class': feedback.nps_class,
                'age': days_between(feedback.day, cast($last_day as date))
            }
        ) as earliest
    from marts.order_feedback as feedback
    left join orders on orders.order_id = feedback.order_id
    left join customers on customers.customer_key = feedback.customer_key
    where feedback.score is not null and not feedback.is_spam
    group by coalesce(orders.customer, customers.customer)
),

valued as (
    select
        bought.*,
        coalesce(answers.latest.nps_class, '(no answer)') as nps_class
    from bought
    left join answers on answers.customer = bought.customer
),

means as (
    select
        nps_class,
        currency,
        count(*) as customers,
        sum(net_amount) as net_amount,
        as_double(coalesce(sum(net_amount), 0)) / count(*) as mean,
        max(abs(total)) as largest
    from valued
    group by nps_class, currency
),

-- Deviations as fractions of the largest total, so that their powers add up as whole numbers.
deviations as (
    select
        valued.nps_class,
        valued.currency,
        valued.total,
        case when means.largest > 0 then (valued.total - means.mean) / means.largest else 0e0 end
            as deviation
    from valued
    inner join means
        on means.nps_class = valued.nps_class
        and means.currency is not distinct from valued.currency
),

powers as (
    select
        nps_class,
        currency,
        of_units(sum(units(deviation * deviation))) as deviations_2,
        of_units(sum(units(deviation * deviation * deviation))) as deviations_3,
        in_order(total) as totals
    from deviations
    group by nps_class, currency
),

spread as (
    select
        means.*,
        powers.totals,
        case
            when means.customers > 1
                then means.largest * sqrt(powers.deviations_2 / (means.customers - 1))
        end as deviation,
        case
            when means.customers > 1 and powers.deviations_2 > 0
                then
                    powers.deviations_3 / means.customers
                    / (
                        powers.deviations_2 / (means.customers - 1)
                        * sqrt(powers.deviations_2 / (means.customers - 1))
                    )
            else 0e0
        end as skew
    from means
    inner join powers
        on powers.nps_class = means.nps_class
        and powers.currency is not distinct from means.currency
),

-- Customers whose first counted answer, whose class counts here, is at least 30 days older than the
-- last stored day, and their orders within 30 days after it. Days have 24 hours, so that all
-- customers are followed for the same time.
followed as (
    select bought.customer, bought.currency, answers.earliest
    from bought
    inner join answers on answers.customer = bought.customer
    where answers.earliest.age >= 30
),

afterwards as (
    select
        followed.customer,
        followed.currency,
        count(orders.order_id) as orders,
        coalesce(sum(orders.net_amount), 0) as net_amount
    from followed
    left join orders
        on orders.customer = followed.customer
        and orders.currency is not distinct from followed.currency
        and unix_micros(orders.ordered_at) - followed.earliest.place between 1 and 2592000000000
    group by followed.customer, followed.currency
),

returns as (
    select
        followed.earliest.nps_class,
        followed.currency,
        count(*) as followed,
        sum(case when afterwards.orders > 0 then 1 else 0 end) as returned,
        sum(afterwards.net_amount) as net_amount
    from followed
    inner join afterwards
        on afterwards.customer = followed.customer
        and afterwards.currency is not distinct from followed.currency
    group by followed.earliest.nps_class, followed.currency
)

select
    coalesce(spread.nps_class, returns.nps_class) as nps_class,
    coalesce(spread.currency, returns.currency) as currency,
    coalesce(spread.customers, 0) as customers,
    spread.net_amount,
    spread.mean as net_amount_per_customer,
    spread.mean
    - hall(student(spread.customers), spread.skew, spread.customers)
    * spread.deviation / sqrt(spread.customers) as net_amount_per_customer_low,
    spread.mean
    - hall(-student(spread.customers), spread.skew, spread.customers)
    * spread.deviation / sqrt(spread.customers) as net_amount_per_customer_high,
    quantile_of(spread.totals, spread.customers, 0.5e0) as median,
    quantile_of(spread.totals, spread.customers, 0.25e0) as q1,
    quantile_of(spread.totals, spread.customers, 0.75e0) as q3,
    ranked(spread.totals, median_rank(spread.customers)) as median_low,
    case
        when median_rank(spread.customers) >= 1
            then ranked(spread.totals, spread.customers + 1 - median_rank(spread.customers))
    end as median_high,
    coalesce(returns.followed, 0) as followed,
    cast(returns.returned as double) / returns.followed as returned_30,
    as_double(returns.net_amount) / returns.followed as net_amount_30
from spread
full join returns
    on returns.nps_class = spread.nps_class
    and returns.currency is not distinct from spread.currency
