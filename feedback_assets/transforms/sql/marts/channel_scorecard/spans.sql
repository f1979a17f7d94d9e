-- One row per window, channel and currency: orders and money of the window and its related spans.
with

by_currency as (
    select *
    from parts.sums
    union all
    select
        model,
        channel,
        '(all)' as currency,
        bucket,
        orders,
        null as net_amount,
        new_customers,
        unknown_customers,
        followed,
        answered,
        null as net_amount_answered,
        null as net_amount_detractors
    from parts.sums
)

select
    windows.window_days,
    sums.model,
    sums.channel,
    sums.currency,
    sum(case when windows.is_in then sums.orders else 0 end) as orders,
    sum(case when windows.is_in then sums.net_amount else 0 end) as net_amount,
    sum(case when windows.is_in then sums.new_customers else 0 end) as new_customers,
    sum(case when windows.is_in then sums.unknown_customers else 0 end) as unknown_customers,
    sum(case when windows.is_in then sums.net_amount_answered else 0 end) as net_amount_answered,
    sum(case when windows.is_in then sums.net_amount_detractors else 0 end)
        as net_amount_detractors,
    sum(case when windows.is_before then sums.orders else 0 end) as orders_before,
    sum(case when windows.is_before then sums.net_amount else 0 end) as net_amount_before,
    sum(case when windows.is_in_return_base then sums.orders else 0 end) as return_base,
    sum(case when windows.is_in_return_base then sums.followed else 0 end) as returned,
    sum(case when windows.is_in_response_base then sums.orders else 0 end) as response_base,
    sum(case when windows.is_in_response_base then sums.answered else 0 end) as answered
from by_currency as sums
inner join parts.windows on windows.bucket = sums.bucket
where
    windows.is_in or windows.is_before or windows.is_in_return_base
    or windows.is_in_response_base
group by windows.window_days, sums.model, sums.channel, sums.currency
