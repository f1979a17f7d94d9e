-- One row per window, span of it, channel and currency: what answers add up to over customers.
with

holders as (
    select window_days, span, version, score, account
    from parts.window_answers
    union all
    select window_days, span, version, score, all_account as account
    from parts.window_answers
    where all_account is not null
),

-- "Per customer W=Σw, X=Σw·x (x=1,0,−1)", in units
by_customer as (
    select
        holders.window_days,
        holders.span,
        touches.track,
        memberships.channel,
        holders.account,
        sum(touches.weight_1) as weight_1,
        sum(touches.weight_2) as weight_2,
        sum(touches.weight_3) as weight_3,
        sum(touches.weight_1 * holders.score) as score_1,
        sum(touches.weight_2 * holders.score) as score_2,
        sum(touches.weight_3 * holders.score) as score_3,
        sum(case when holders.score = 1 then touches.weight_1 else 0 end) as promoters_1,
        sum(case when holders.score = 1 then touches.weight_2 else 0 end) as promoters_2,
        sum(case when holders.score = 1 then touches.weight_3 else 0 end) as promoters_3
    from holders
    inner join parts.touches on touches.version = holders.version
    inner join parts.memberships on memberships.campaign_channel = touches.campaign_channel
    where memberships.channel > 0
    group by
        holders.window_days, holders.span, touches.track, memberships.channel, holders.account
),

customer_answers as (
    select
        respondents.window_days,
        respondents.span,
        by_customer.track,
        by_customer.channel,
        respondents.currency,
        respondents.is_several,
        respondents.answers,
        respondents.score,
        of_small_units(by_customer.weight_1) as weight_1,
        of_small_units(by_customer.weight_2) as weight_2,
        of_small_units(by_customer.weight_3) as weight_3,
        of_small_units(by_customer.score_1) as score_1,
        of_small_units(by_customer.score_2) as score_2,
        of_small_units(by_customer.score_3) as score_3,
        of_small_units(by_customer.promoters_1) as promoters_1,
        of_small_units(by_customer.promoters_2) as promoters_2,
        of_small_units(by_customer.promoters_3) as promoters_3
    from by_customer
    inner join parts.respondents
        on respondents.window_days = by_customer.window_days
        and respondents.span = by_customer.span
        and respondents.account = by_customer.account

    union all

    -- Of all channels together each customer has the whole.
    select
        window_days,
        span,
        0 as track,
        0 as channel,
        currency,
        is_several,
        answers,
        score,
        as_double(answers) as weight_1,
        null as weight_2,
        null as weight_3,
        as_double(score) as score_1,
        null as score_2,
        null as score_3,
        as_double(promoters) as promoters_1,
        null as promoters_2,
        null as promoters_3
    from parts.respondents
),

held as (
    select
        customer_answers.window_days,
        customer_answers.span,
        slots.model,
        customer_answers.channel,
        customer_answers.currency,
        customer_answers.is_several,
        customer_answers.answers as t,
        customer_answers.score as u,
        of_slot(slots.slot, weight_1, weight_2, weight_3) as w,
        of_slot(slots.slot, score_1, score_2, score_3) as x,
        of_slot(slots.slot, promoters_1, promoters_2, promoters_3) as p
    from customer_answers
    inner join parts.slots on slots.track = customer_answers.track
),

summed as (
    select
        window_days,
        span,
        model,
        channel,
        currency,
        is_several,
        sum(units(w)) as w,
        sum(units(x)) as x,
        sum(units(p)) as p,
        sum(units(w * w)) as ww,
        sum(units(w * x)) as wx,
        sum(units(x * x)) as xx,
        sum(units(t * w)) as tw,
        sum(units(t * x + u * w)) as tx_uw,
        sum(units(u * x)) as ux
    from held
    where w is not null
    group by window_days, span, model, channel, currency, is_several
),

-- Who has answers about one currency only is added up there, and counted from there among all.
by_currency as (
    select *, currency as counted_in
    from summed
    where currency not in ('(all)', '(unmatched)')
    union all
    select *, '(all)' as counted_in
    from summed
    where currency = '(all)' or not is_several
),

channels as (
    select
        window_days,
        span,
        model,
        channel,
        counted_in as currency,
        sum(w) as w,
        sum(x) as x,
        sum(p) as p,
        sum(ww) as ww,
        sum(wx) as wx,
        sum(xx) as xx,
        sum(tw) as tw,
        sum(tx_uw) as tx_uw,
        sum(ux) as ux
    from by_currency
    group by window_days, span, model, channel, counted_in
),

-- What all answer, in the channel or not: T and U are a customer's answers and score.
totals as (
    select
        window_days,
        span,
        currency,
        sum(answers) as t,
        sum(score) as u,
        sum(answers * answers) as tt,
        sum(answers * score) as tu,
        sum(score * score) as uu
    from (
        select window_days, span, currency, answers, score
        from parts.respondents
        where currency not in ('(all)', '(unmatched)')
        union all
        select window_days, span, '(all)' as currency, answers, score
        from parts.respondents
        where currency = '(all)' or not is_several
    ) as respondents
    group by window_days, span, currency
)

-- "Rest: sums of T−W, U−X … customers absent from the channel" have W=X=0. Squared out, since
-- ΣT² is the same for all channels.
select
    channels.window_days,
    channels.span,
    channels.model,
    channels.channel,
    channels.currency,
    of_units(channels.w) as w,
    of_units(channels.x) as x,
    of_units(channels.p) as promoters,
    of_units(channels.w - channels.p - (channels.p - channels.x)) as passives,
    of_units(channels.p - channels.x) as detractors,
    of_units(channels.ww) as ww,
    of_units(channels.wx) as wx,
    of_units(channels.xx) as xx,
    totals.t - of_units(channels.w) as rest_w,
    totals.u - of_units(channels.x) as rest_x,
    of_units(whole_units(totals.tt) - 2 * channels.tw + channels.ww) as rest_ww,
    of_units(whole_units(totals.tu) - channels.tx_uw + channels.wx) as rest_wx,
    of_units(whole_units(totals.uu) - 2 * channels.ux + channels.xx) as rest_xx
from channels
inner join totals
    on totals.window_days = channels.window_days
    and totals.span = channels.span
    and totals.currency = channels.currency
