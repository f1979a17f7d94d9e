-- "orders, net_amount = unified.orders of the window per currency; customers = distinct customers;
-- new+unknown+repeat_orders = orders; new+unknown = customers whose first stored order is in the
-- window; every model gives the same; net_amount_detractors ≤ net_amount_answered ≤ net_amount
-- (where no order's net is negative); level all = Σ channels". First orders are compared over all
-- currencies; an order without a customer is one.
with

orders as (
    select
        coalesce(currency, '(none)') as currency,
        coalesce(net_amount, 0) as net_amount,
        coalesce(customer_email, contact_id, '(order) ' || order_id) as customer,
        customer_email is null and contact_id is null as is_nobodys,
        days_between(day, cast($last_day as date)) as age
    from unified_orders_latest
),

firsts as (
    select days_between(cast(first_ordered_at as date), cast($last_day as date)) as age
    from (select distinct customer_key, first_ordered_at from marts.customers) as customers
    union all
    select age from orders where is_nobodys
),

windows as (
    select window_days from (values (7), (30), (90), (365)) as lengths (window_days)
),

by_currency as (
    select windows.window_days, orders.*
    from orders
    inner join windows on orders.age between 0 and windows.window_days - 1
),

first_orders as (
    select windows.window_days, count(firsts.age) as first_orders
    from windows
    left join firsts on firsts.age between 0 and windows.window_days - 1
    group by windows.window_days
),

wanted as (
    select
        window_days,
        currency,
        count(*) as orders,
        sum(net_amount) as net_amount,
        count(distinct customer) as customers,
        null as first_orders,
        min(net_amount) < 0 as has_negative
    from by_currency
    group by window_days, currency
    union all
    select
        by_currency.window_days, '(all)', count(*), null, count(distinct by_currency.customer),
        max(first_orders.first_orders), false
    from by_currency
    inner join first_orders on first_orders.window_days = by_currency.window_days
    group by by_currency.window_days
),

found as (
    select
        window_days,
        currency,
        model,
        level,
        count(*) as row_count,
        sum(orders) as orders,
        sum(net_amount) as net_amount,
        sum(customers) as customers,
        sum(new_customers + unknown_customers) as first_orders,
        max(abs(new_customers + unknown_customers + repeat_orders - orders)) as not_told,
        sum(
            case
                when
                    net_amount_detractors > net_amount_answered
                    or net_amount_answered > net_amount then 1
                else 0
            end
        ) as disorder
    from marts.channel_scorecard
    group by window_days, currency, model, level
),

every as (
    select wanted.*, models.model, levels.level
    from wanted
    cross join (
        values
        ('first_click'), ('first_optin'), ('re_optin'), ('last_click'),
        ('linear'), ('position_based'), ('time_decay')
    ) as models (model)
    cross join (values ('campaign'), ('medium'), ('source'), ('all')) as levels (level)
),

compared as (
    select
        coalesce(every.orders, 0) as orders,
        abs(coalesce(found.orders, 0) - coalesce(every.orders, 0)) as order_difference,
        abs(coalesce(found.net_amount, 0) - coalesce(every.net_amount, 0)) as money_difference,
        abs(coalesce(found.customers, 0) - coalesce(every.customers, 0)) as customer_difference,
        coalesce(abs(found.first_orders - every.first_orders), 0) as first_difference,
        coalesce(found.not_told, 0) as not_told,
        coalesce(found.row_count, 0) as row_count,
        case when every.has_negative then 0 else coalesce(found.disorder, 0) end as disorder
    from every
    full join found
        on found.window_days = every.window_days
        and found.currency = every.currency
        and found.model = every.model
        and found.level = every.level
)

select
    count(*) as sums,
    coalesce(max(orders), 0) as orders,
    coalesce(max(order_difference), 0) as largest_difference,
    coalesce(
        sum(
            case
                when
                    order_difference > 1e-6 or customer_difference > 1e-6
                    or first_difference > 1e-6 or not_told > 1e-6 then 1
                -- Each row is rounded to four places.
                when money_difference > 0.0001 * row_count then 1
                when disorder > 0 then 1
                else 0
            end
        ),
        0
    ) as violations
from compared
