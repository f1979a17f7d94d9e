-- One row per window, model, channel and currency, at one of four levels.
--
-- The parts in channel_scorecard/ compute windows, customers and intervals. This query joins them,
-- names the channels and computes the ratios.
with

-- The parts identify channels by number. (greatest and least skip nulls, hence the cases below.)
names as (
    select distinct channel, level, source, medium, campaign
    from parts.levels
),

-- Channels with orders, answers or spend in the window or the one before.
numbered as (
    select window_days, model, channel, currency
    from parts.spans
    union
    -- Of all channels together scores have one row for all models.
    select scores.window_days, models.number as model, scores.channel, scores.currency
    from parts.scores
    inner join parts.models on scores.model in (0, models.number)
    where scores.span <> 'first'
    union
    select window_days, model, channel, currency
    from parts.changes
),

keys as (
    select
        numbered.window_days, names.level, numbered.model, numbered.currency,
        names.source, names.medium, names.campaign
    from numbered
    inner join names on names.channel = numbered.channel
    union
    -- "spend = spend table, in every model"
    select
        spend.window_days, spend.level, models.number, spend.currency,
        spend.source, spend.medium, spend.campaign
    from parts.spend
    cross join parts.models
),

-- Customers of all channels together are the same in every model, and have one row for all.
placed as (
    select
        keys.*,
        names.channel,
        case when keys.level = 'all' then 0 else keys.model end as customers_model
    from keys
    left join names
        on names.level = keys.level
        and names.source = keys.source
        and names.medium = keys.medium
        and names.campaign = keys.campaign
),

lengths as (
    select distinct window_days, before_is_held
    from parts.windows
),

held_days as (
    select lengths.window_days, count(days.day) as held
    from lengths
    left join parts.days on days.age between 0 and lengths.window_days - 1
    group by lengths.window_days
),

joined as (
    select
        keys.*,
        models.model as model_name,
        lengths.before_is_held,
        -- orders and money
        coalesce(of_units(spans.orders), 0e0) as orders,
        case
            when keys.currency <> '(all)'
                then coalesce(of_money_shares(spans.net_amount), 0)
        end as net_amount,
        coalesce(of_units(spans.new_customers), 0e0) as new_customers,
        coalesce(of_units(spans.unknown_customers), 0e0) as unknown_customers,
        coalesce(of_units(
            spans.orders - spans.new_customers - spans.unknown_customers
        ), 0e0) as repeat_orders,
        case
            when keys.currency <> '(all)'
                then coalesce(of_money_shares(spans.net_amount_answered), 0)
        end as net_amount_answered,
        case
            when keys.currency <> '(all)'
                then coalesce(of_money_shares(spans.net_amount_detractors), 0)
        end as net_amount_detractors,
        case
            when lengths.before_is_held
                then coalesce(of_units(spans.orders_before), 0e0)
        end as orders_before,
        case
            when lengths.before_is_held and keys.currency <> '(all)'
                then coalesce(of_money_shares(spans.net_amount_before), 0)
        end as net_amount_before,
        coalesce(of_units(spans.return_base), 0e0) as return_base,
        of_units(spans.returned) as returned,
        coalesce(of_units(spans.response_base), 0e0) as response_base,
        of_units(spans.answered) as answered,
        -- customers
        coalesce(customers.buyers, 0) as buyers,
        coalesce(customers.customers, 0e0) as customers,
        customers.repeaters,
        coalesce(customers.effective_customers, 0e0) as effective_customers,
        customers.mean,
        buyers.mean_low,
        buyers.mean_high,
        buyers.median,
        buyers.q1,
        buyers.q3,
        buyers.median_low,
        buyers.median_high,
        -- answers
        coalesce(scores.w, 0e0) as responses,
        coalesce(scores.promoters, 0e0) as promoters,
        coalesce(scores.passives, 0e0) as passives,
        coalesce(scores.detractors, 0e0) as detractors,
        scores.x,
        scores.ww,
        adjusted_nps(scores.w, scores.x, scores.ww) as t,
        adjusted_variance(scores.w, scores.x, scores.ww, scores.wx, scores.xx) as v,
        coalesce(first.w, 0e0) as first_responses,
        first.x as first_x,
        adjusted_nps(first.w, first.x, first.ww) as first_t,
        adjusted_variance(
            first.w, first.x, first.ww, first.wx, first.xx
        ) as first_v,
        -- Rounding of weights can leave a rest that is only almost zero.
        case
            when scores.w > 0 and scores.rest_w > 1e-9
                then scores.rest_w
        end as rest_w,
        scores.rest_x,
        case
            when scores.w > 0 and scores.rest_w > 1e-9
                then adjusted_nps(scores.rest_w, scores.rest_x, scores.rest_ww)
        end as rest_t,
        case
            when scores.w > 0 and scores.rest_w > 1e-9
                then adjusted_variance(
                    scores.rest_w, scores.rest_x, scores.rest_ww, scores.rest_wx, scores.rest_xx
                )
        end as rest_v,
        case when lengths.before_is_held then coalesce(before.w, 0e0) end as responses_before,
        case
            when lengths.before_is_held
                then coalesce(before.promoters, 0e0)
        end as promoters_before,
        before.x as x_before,
        adjusted_nps(before.w, before.x, before.ww) as t_before,
        adjusted_variance(before.w, before.x, before.ww, before.wx, before.xx) as v_before,
        coalesce(changes.promoters_won, 0e0) as promoters_won,
        coalesce(changes.promoters_lost, 0e0) as promoters_lost,
        -- spend: null where there is none, and nothing is missing where no spend is known at all
        spend.currencies,
        spend.spend,
        spend.clicks,
        spend.impressions,
        case
            when known.window_days is not null
                then coalesce(coverage.missing, held_days.held)
        end as spend_days_missing
    from placed as keys
    inner join parts.models on models.number = keys.model
    inner join lengths on lengths.window_days = keys.window_days
    inner join held_days on held_days.window_days = keys.window_days
    left join parts.spans
        on spans.window_days = keys.window_days
        and spans.model = keys.model
        and spans.channel = keys.channel
        and spans.currency = keys.currency
    left join parts.customers
        on customers.window_days = keys.window_days
        and customers.model = keys.customers_model
        and customers.channel = keys.channel
        and customers.currency = keys.currency
    left join parts.buyers
        on buyers.window_days = keys.window_days
        and buyers.model = keys.customers_model
        and buyers.channel = keys.channel
        and buyers.currency = keys.currency
    left join parts.scores
        on scores.window_days = keys.window_days
        and scores.model = keys.customers_model
        and scores.channel = keys.channel
        and scores.currency = keys.currency
        and scores.span = 'in'
    left join parts.scores as first
        on first.window_days = keys.window_days
        and first.model = keys.customers_model
        and first.channel = keys.channel
        and first.currency = keys.currency
        and first.span = 'first'
    left join parts.scores as before
        on before.window_days = keys.window_days
        and before.model = keys.customers_model
        and before.channel = keys.channel
        and before.currency = keys.currency
        and before.span = 'before'
    left join parts.changes
        on changes.window_days = keys.window_days
        and changes.model = keys.model
        and changes.channel = keys.channel
        and changes.currency = keys.currency
    left join parts.spend
        on spend.window_days = keys.window_days
        and spend.level = keys.level
        and spend.source = keys.source
        and spend.medium = keys.medium
        and spend.campaign = keys.campaign
        and spend.currency = keys.currency
    left join parts.coverage as known
        on known.window_days = keys.window_days and known.source = '(all)'
    left join parts.coverage
        on coverage.window_days = keys.window_days and coverage.source = keys.source
),

shown as (
    select
        *,
        case when responses > 0 then 1e2 * x / responses end as nps,
        case when responses_before > 0 then 1e2 * x_before / responses_before end as nps_before,
        case when responses > 0 then responses * responses / ww else 0e0 end
            as effective_responses,
        1e2 * rest_x / rest_w as rest_nps,
        1e2 * (t - t_before) as moved,
        1.96e2 * sqrt(v + v_before) as moved_margin
    from joined
),

-- "cost_per_order: spend/orders of all currencies; null if spend is in two currencies", and
-- "spend_days_missing>0: ratios null". So it is with whatever else the same money bought.
priced as (
    select
        shown.*,
        case when shown.spend_days_missing = 0 then as_double(shown.spend) end as priced_spend,
        case
            when shown.spend_days_missing = 0 and shown.currencies = 1
                then as_double(shown.spend)
        end as whole_spend,
        whole.orders as all_orders,
        whole.new_customers as all_new,
        whole.new_customers + whole.unknown_customers as all_first,
        case when whole.responses > 0 then whole.promoters / whole.responses end as promoter_share,
        -- Agresti and Coull: the share with 1.96² answers added, half of them promoters.
        (whole.effective_responses * whole.promoters / nullif(whole.responses, 0) + 1.9208e0)
        / (whole.effective_responses + 3.8416e0) as middle_share,
        whole.effective_responses + 3.8416e0 as answers_and_more
    from shown
    inner join shown as whole
        on whole.window_days = shown.window_days
        and whole.model = shown.model
        and whole.level = shown.level
        and whole.source = shown.source
        and whole.medium = shown.medium
        and whole.campaign = shown.campaign
        and whole.currency = '(all)'
),

costed as (
    select
        *,
        whole_spend / nullif(all_orders, 0) as cost_per_order,
        1.96e0 * sqrt(middle_share * (1 - middle_share) / answers_and_more) as share_margin
    from priced
)

select
    window_days,
    model_name as model,
    level,
    source,
    medium,
    campaign,
    currency,
    orders,
    net_amount,
    buyers,
    customers,
    effective_customers,
    mean as net_amount_per_customer,
    mean_low as net_amount_per_customer_low,
    mean_high as net_amount_per_customer_high,
    median,
    q1,
    q3,
    median_low,
    median_high,
    repeaters / nullif(customers, 0) as repeat_rate,
    return_base,
    returned / nullif(return_base, 0) as return_rate,
    new_customers,
    unknown_customers,
    repeat_orders,
    responses,
    promoters,
    passives,
    detractors,
    effective_responses,
    nps,
    case when t is not null then greatest(-1e2, 1e2 * t - 1.96e2 * sqrt(v)) end as nps_low,
    case when t is not null then least(1e2, 1e2 * t + 1.96e2 * sqrt(v)) end as nps_high,
    1e2 * t as nps_adjusted,
    1e2 * sqrt(v) as nps_se,
    first_responses,
    1e2 * first_x / nullif(first_responses, 0) as first_nps,
    case
        when first_t is not null
            then greatest(-1e2, 1e2 * first_t - 1.96e2 * sqrt(first_v))
    end as first_nps_low,
    case
        when first_t is not null
            then least(1e2, 1e2 * first_t + 1.96e2 * sqrt(first_v))
    end as first_nps_high,
    rest_nps,
    nps - rest_nps as versus_rest,
    (t - rest_t) / sqrt(v + rest_v) as versus_z,
    responses_before,
    promoters_before,
    nps_before,
    orders_before,
    net_amount_before,
    nps - nps_before as nps_change,
    case when moved is not null then greatest(-2e2, moved - moved_margin) end as nps_change_low,
    case when moved is not null then least(2e2, moved + moved_margin) end as nps_change_high,
    (t - t_before) / sqrt(v + v_before) as change_z,
    promoters_won,
    promoters_lost,
    response_base,
    answered / nullif(response_base, 0) as response_rate,
    net_amount_detractors,
    net_amount_answered,
    spend,
    clicks,
    impressions,
    spend_days_missing,
    cost_per_order,
    as_double(net_amount) / nullif(priced_spend, 0) as roas,
    case when spend is not null then orders / nullif(all_orders, 0) end as roas_covers,
    whole_spend / nullif(all_first, 0) as cost_per_new_low,
    whole_spend / nullif(all_new, 0) as cost_per_new_high,
    cost_per_order / nullif(promoter_share, 0) as cost_per_promoter,
    case
        when middle_share is not null
            then cost_per_order / least(1e0, middle_share + share_margin)
    end as cost_per_promoter_low,
    case
        when middle_share > share_margin
            then cost_per_order / (middle_share - share_margin)
    end as cost_per_promoter_high
from costed
