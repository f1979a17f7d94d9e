-- One row per window, span, track, channel and account: weights and scores of its answers.
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
summed as (
    select
        holders.window_days,
        holders.span,
        touches.track,
        levels.channel,
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
    inner join parts.levels on levels.campaign_channel = touches.campaign_channel
    where levels.channel > 0
    group by
        holders.window_days, holders.span, touches.track, levels.channel, holders.account
)

select
    respondents.window_days,
    respondents.span,
    summed.track,
    summed.channel,
    respondents.currency,
    respondents.is_several,
    respondents.answers,
    respondents.score,
    of_small_units(summed.weight_1) as weight_1,
    of_small_units(summed.weight_2) as weight_2,
    of_small_units(summed.weight_3) as weight_3,
    of_small_units(summed.score_1) as score_1,
    of_small_units(summed.score_2) as score_2,
    of_small_units(summed.score_3) as score_3,
    of_small_units(summed.promoters_1) as promoters_1,
    of_small_units(summed.promoters_2) as promoters_2,
    of_small_units(summed.promoters_3) as promoters_3
from summed
inner join parts.respondents
    on respondents.window_days = summed.window_days
    and respondents.span = summed.span
    and respondents.account = summed.account

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
