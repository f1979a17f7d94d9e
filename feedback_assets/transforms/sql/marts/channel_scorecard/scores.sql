-- One row per window (or the one before), channel and currency: sums over customers.
with

-- Who has answers about one currency only is added up there, and counted from there among all.
credits as (
    select *, account as holder
    from parts.answer_credits
    union all
    select *, all_account
    from parts.answer_credits
    where all_account is not null
),

held as (
    select windows.window_days, windows.is_before, credits.*
    from credits
    inner join parts.windows on windows.bucket = credits.bucket
    where windows.is_in or windows.is_before
),

-- "Per customer W=Σw, X=Σw·x (x=1,0,−1)", in units
customers as (
    select
        'campaign' as level,
        window_days,
        is_before,
        model,
        campaign_channel as channel,
        holder as account,
        sum(weight) as weight,
        sum(weight * score) as score,
        sum(case when score = 1 then weight else 0 end) as promoters,
        sum(case when score = -1 then weight else 0 end) as detractors,
        sum(case when is_first then weight else 0 end) as first_weight,
        sum(case when is_first then weight * score else 0 end) as first_score
    from held
    group by window_days, is_before, model, holder, campaign_channel
    union all
    select
        'medium' as level,
        window_days,
        is_before,
        model,
        medium_channel as channel,
        holder as account,
        sum(weight) as weight,
        sum(weight * score) as score,
        sum(case when score = 1 then weight else 0 end) as promoters,
        sum(case when score = -1 then weight else 0 end) as detractors,
        sum(case when is_first then weight else 0 end) as first_weight,
        sum(case when is_first then weight * score else 0 end) as first_score
    from held
    group by window_days, is_before, model, holder, medium_channel
    union all
    select
        'source' as level,
        window_days,
        is_before,
        model,
        source_channel as channel,
        holder as account,
        sum(weight) as weight,
        sum(weight * score) as score,
        sum(case when score = 1 then weight else 0 end) as promoters,
        sum(case when score = -1 then weight else 0 end) as detractors,
        sum(case when is_first then weight else 0 end) as first_weight,
        sum(case when is_first then weight * score else 0 end) as first_score
    from held
    group by window_days, is_before, model, holder, source_channel
    union all
    select
        'all' as level,
        window_days,
        is_before,
        model,
        0 as channel,
        holder as account,
        sum(weight) as weight,
        sum(weight * score) as score,
        sum(case when score = 1 then weight else 0 end) as promoters,
        sum(case when score = -1 then weight else 0 end) as detractors,
        sum(case when is_first then weight else 0 end) as first_weight,
        sum(case when is_first then weight * score else 0 end) as first_score
    from held
    group by window_days, is_before, model, holder
),

-- T and U are what the customer answered in all, T − W and U − X the rest beside the channel.
measured as (
    select
        customers.*,
        respondents.currency,
        respondents.is_several,
        of_units(customers.weight) as w,
        of_units(customers.score) as x,
        of_units(customers.first_weight) as first_w,
        of_units(customers.first_score) as first_x,
        respondents.answers as t,
        respondents.score as u,
        respondents.answers - of_units(customers.weight) as rest_w,
        respondents.score - of_units(customers.score) as rest_x
    from customers
    inner join parts.respondents
        on respondents.window_days = customers.window_days
        and respondents.is_before = customers.is_before
        and respondents.account = customers.account
),

summed as (
    select
        window_days,
        is_before,
        level,
        model,
        channel,
        currency,
        is_several,
        sum(weight) as weight,
        sum(score) as score,
        sum(promoters) as promoters,
        sum(detractors) as detractors,
        sum(first_weight) as first_weight,
        sum(first_score) as first_score,
        sum(units(w * w)) as ww,
        sum(units(w * x)) as wx,
        sum(units(x * x)) as xx,
        sum(units(first_w * first_w)) as first_ww,
        sum(units(first_w * first_x)) as first_wx,
        sum(units(first_x * first_x)) as first_xx,
        sum(units(rest_w * rest_w)) as rest_ww,
        sum(units(rest_w * rest_x)) as rest_wx,
        sum(units(rest_x * rest_x)) as rest_xx,
        sum(t * t) as their_tt,
        sum(t * u) as their_tu,
        sum(u * u) as their_uu
    from measured
    group by window_days, is_before, level, model, channel, currency, is_several
),

by_currency as (
    select *, currency as counted_in
    from summed
    where currency not in ('(all)', '(unmatched)')
    union all
    select *, '(all)'
    from summed
    where currency = '(all)' or not is_several
),

-- Those who are not in the channel at all are in the rest as well.
totals as (
    select
        window_days,
        is_before,
        counted_in,
        sum(answers) as answers,
        sum(score) as score,
        sum(answers * answers) as tt,
        sum(answers * score) as tu,
        sum(score * score) as uu
    from (
        select *, currency as counted_in
        from parts.respondents
        where currency not in ('(all)', '(unmatched)')
        union all
        select *, '(all)'
        from parts.respondents
        where currency = '(all)' or not is_several
    ) as respondents
    group by window_days, is_before, counted_in
),

channels as (
    select
        window_days,
        is_before,
        level,
        model,
        channel,
        counted_in as currency,
        sum(weight) as weight,
        sum(score) as score,
        sum(promoters) as promoters,
        sum(detractors) as detractors,
        sum(first_weight) as first_weight,
        sum(first_score) as first_score,
        sum(ww) as ww,
        sum(wx) as wx,
        sum(xx) as xx,
        sum(first_ww) as first_ww,
        sum(first_wx) as first_wx,
        sum(first_xx) as first_xx,
        sum(rest_ww) as rest_ww,
        sum(rest_wx) as rest_wx,
        sum(rest_xx) as rest_xx,
        sum(their_tt) as their_tt,
        sum(their_tu) as their_tu,
        sum(their_uu) as their_uu
    from by_currency
    group by window_days, is_before, level, model, channel, counted_in
)

select
    channels.window_days,
    channels.is_before,
    channels.level,
    channels.model,
    channels.channel,
    channels.currency,
    of_units(channels.weight) as w,
    of_units(channels.score) as x,
    of_units(channels.promoters) as promoters,
    of_units(channels.weight - channels.promoters - channels.detractors) as passives,
    of_units(channels.detractors) as detractors,
    of_units(channels.ww) as ww,
    of_units(channels.wx) as wx,
    of_units(channels.xx) as xx,
    of_units(channels.first_weight) as first_w,
    of_units(channels.first_score) as first_x,
    of_units(channels.first_ww) as first_ww,
    of_units(channels.first_wx) as first_wx,
    of_units(channels.first_xx) as first_xx,
    totals.answers - of_units(channels.weight) as rest_w,
    totals.score - of_units(channels.score) as rest_x,
    totals.tt - channels.their_tt + of_units(channels.rest_ww) as rest_ww,
    totals.tu - channels.their_tu + of_units(channels.rest_wx) as rest_wx,
    totals.uu - channels.their_uu + of_units(channels.rest_xx) as rest_xx
from channels
inner join totals
    on totals.window_days = channels.window_days
    and totals.is_before = channels.is_before
    and totals.counted_in = channels.currency
