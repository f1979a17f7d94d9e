-- One row per window, channel and currency: orders and money of the window and its related spans.
with

-- "Money is never added across currencies": of all of them, everything else.
by_currency as (
    select
        sums.model,
        sums.channel,
        sums.bucket,
        case when counted.in_all then '(all)' else sums.currency end as currency,
        sums.orders,
        case when not counted.in_all then sums.net_amount end as net_amount,
        sums.new_customers,
        sums.unknown_customers,
        sums.followed,
        sums.answered,
        case when not counted.in_all then sums.net_amount_answered end as net_amount_answered,
        case when not counted.in_all then sums.net_amount_detractors end as net_amount_detractors
    from parts.sums
    cross join (values (false), (true)) as counted (in_all)
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
