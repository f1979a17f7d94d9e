-- One row per window, channel and currency: its buyers and the distribution of their spending.
with

-- "Per channel c, customer g: W=Σw, R=Σw·net"
bought as (
    select
        'campaign' as level,
        windows.window_days,
        credits.model,
        credits.campaign_channel as channel,
        credits.account,
        sum(credits.weight) as weight,
        sum(money_share(credits.net_amount, credits.weight)) as net_amount
    from parts.credits
    inner join parts.windows on windows.bucket = credits.bucket and windows.is_in
    group by windows.window_days, credits.model, credits.campaign_channel, credits.account
    union all
    select
        'medium' as level,
        windows.window_days,
        credits.model,
        credits.medium_channel as channel,
        credits.account,
        sum(credits.weight) as weight,
        sum(money_share(credits.net_amount, credits.weight)) as net_amount
    from parts.credits
    inner join parts.windows on windows.bucket = credits.bucket and windows.is_in
    group by windows.window_days, credits.model, credits.medium_channel, credits.account
    union all
    select
        'source' as level,
        windows.window_days,
        credits.model,
        credits.source_channel as channel,
        credits.account,
        sum(credits.weight) as weight,
        sum(money_share(credits.net_amount, credits.weight)) as net_amount
    from parts.credits
    inner join parts.windows on windows.bucket = credits.bucket and windows.is_in
    group by windows.window_days, credits.model, credits.source_channel, credits.account
    union all
    -- At level all each order counts once, whatever the model.
    select
        'all',
        accounts.window_days,
        models.number,
        0,
        accounts.account,
        accounts.orders * cast(units(1e0) as bigint),
        null
    from parts.accounts
    cross join parts.models
    where accounts.currency <> '(all)'
),

-- "s=W/T", and R − m·s with the mean m of the channel, in parts of the largest order, so that its
-- powers can be added up as whole numbers.
shares as (
    select
        bought.level,
        bought.window_days,
        bought.model,
        bought.channel,
        accounts.currency,
        accounts.is_several,
        accounts.total,
        of_units(bought.weight) / accounts.orders as share,
        case
            when customers.largest > 0
                then (
                    coalesce(money_of_shares(bought.net_amount), accounts.total)
                    - customers.mean * of_units(bought.weight) / accounts.orders
                ) / customers.largest
            else 0e0
        end as deviation
    from bought
    inner join parts.accounts
        on accounts.window_days = bought.window_days and accounts.account = bought.account
    left join parts.customers
        on customers.window_days = bought.window_days
        and customers.level = bought.level
        and customers.model = bought.model
        and customers.channel = bought.channel
        and customers.currency = accounts.currency
    where bought.weight > 0
),

sums as (
    select
        window_days,
        level,
        model,
        channel,
        currency,
        count(*) as buyers,
        sum(case when is_several then 0 else 1 end) as buyers_of_one,
        sum(units(share)) as shares,
        sum(case when is_several then 0 else units(share) end) as shares_of_one,
        sum(units(share * share)) as squares,
        sum(case when is_several then 0 else units(share * share) end) as squares_of_one,
        of_units(sum(units(deviation * deviation))) as deviations_2,
        of_units(sum(units(deviation * deviation * deviation))) as deviations_3,
        in_order(total) as totals
    from shares
    group by window_days, level, model, channel, currency
),

-- Of all currencies only the number of customers is asked for, and how even their shares are. Who
-- has one currency is added up there.
bought_in_several as (
    select
        'campaign' as level,
        windows.window_days,
        credits.model,
        credits.campaign_channel as channel,
        credits.all_account,
        sum(credits.weight) as weight
    from parts.credits
    inner join parts.windows on windows.bucket = credits.bucket and windows.is_in
    where credits.all_account is not null
    group by windows.window_days, credits.model, credits.campaign_channel, credits.all_account
    union all
    select
        'medium',
        windows.window_days,
        credits.model,
        credits.medium_channel,
        credits.all_account,
        sum(credits.weight)
    from parts.credits
    inner join parts.windows on windows.bucket = credits.bucket and windows.is_in
    where credits.all_account is not null
    group by windows.window_days, credits.model, credits.medium_channel, credits.all_account
    union all
    select
        'source',
        windows.window_days,
        credits.model,
        credits.source_channel,
        credits.all_account,
        sum(credits.weight)
    from parts.credits
    inner join parts.windows on windows.bucket = credits.bucket and windows.is_in
    where credits.all_account is not null
    group by windows.window_days, credits.model, credits.source_channel, credits.all_account
    union all
    select
        'all',
        accounts.window_days,
        models.number,
        0,
        accounts.account,
        accounts.orders * cast(units(1e0) as bigint)
    from parts.accounts
    cross join parts.models
    where accounts.currency = '(all)'
),

shares_of_several as (
    select
        several.window_days,
        several.level,
        several.model,
        several.channel,
        of_units(several.weight) / accounts.orders as share
    from bought_in_several as several
    inner join parts.accounts
        on accounts.window_days = several.window_days and accounts.account = several.all_account
    where several.weight > 0
),

all_currencies as (
    select
        window_days,
        level,
        model,
        channel,
        sum(buyers) as buyers,
        of_units(sum(shares)) as shares,
        of_units(sum(squares)) as squares
    from (
        select
            window_days,
            level,
            model,
            channel,
            buyers_of_one as buyers,
            shares_of_one as shares,
            squares_of_one as squares
        from sums
        union all
        select
            window_days,
            level,
            model,
            channel,
            count(*),
            sum(units(share)),
            sum(units(share * share))
        from shares_of_several
        group by window_days, level, model, channel
    ) as holders
    group by window_days, level, model, channel
),

-- The spread of R − m·s beside the mean share, and its skew.
spread as (
    select
        sums.window_days,
        sums.level,
        sums.model,
        sums.channel,
        sums.currency,
        sums.buyers,
        of_units(sums.shares) as shares,
        of_units(sums.squares) as squares,
        sums.totals,
        customers.mean,
        case
            when sums.buyers > 1
                then
                    customers.largest * sqrt(sums.deviations_2 / (sums.buyers - 1))
                    / (of_units(sums.shares) / sums.buyers)
        end as deviation,
        case
            when sums.buyers > 1 and sums.deviations_2 > 0
                then
                    sums.deviations_3 / sums.buyers
                    / (
                        sums.deviations_2 / (sums.buyers - 1)
                        * sqrt(sums.deviations_2 / (sums.buyers - 1))
                    )
            else 0e0
        end as skew
    from sums
    inner join parts.customers
        on customers.window_days = sums.window_days
        and customers.level = sums.level
        and customers.model = sums.model
        and customers.channel = sums.channel
        and customers.currency = sums.currency
)

select
    window_days,
    level,
    model,
    channel,
    currency,
    buyers,
    shares * shares / squares as effective_customers,
    mean,
    mean - hall(student(buyers), skew, buyers) * deviation / sqrt(buyers) as mean_low,
    mean - hall(-student(buyers), skew, buyers) * deviation / sqrt(buyers) as mean_high,
    quantile_of(totals, buyers, 0.5e0) as median,
    quantile_of(totals, buyers, 0.25e0) as q1,
    quantile_of(totals, buyers, 0.75e0) as q3,
    ranked(totals, median_rank(buyers)) as median_low,
    case
        when median_rank(buyers) >= 1
            then ranked(totals, buyers + 1 - median_rank(buyers))
    end as median_high
from spread

union all

select
    window_days,
    level,
    model,
    channel,
    '(all)',
    buyers,
    shares * shares / squares,
    null,
    null,
    null,
    null,
    null,
    null,
    null,
    null
from all_currencies
