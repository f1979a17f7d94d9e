-- One row per window and account: a customer and a currency, or all currencies of one with several.
with

held as (
    select
        windows.window_days,
        orders.currency,
        orders.account,
        orders.all_account,
        orders.net_amount
    from parts.orders
    inner join parts.windows on windows.bucket = orders.bucket and windows.is_in
)

-- "T=g's orders in window and currency", and "buyers' whole window totals".
select
    window_days,
    account,
    currency,
    all_account is not null as is_several,
    count(*) as orders,
    as_double(sum(net_amount)) as total
from held
group by window_days, account, currency, all_account is not null

union all

select
    window_days,
    all_account as account,
    '(all)' as currency,
    true as is_several,
    count(*) as orders,
    null as total
from held
where all_account is not null
group by window_days, all_account
