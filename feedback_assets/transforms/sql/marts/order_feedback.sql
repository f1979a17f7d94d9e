-- One row per answer, with the order it was matched with.
with

answers as (
    select * from unified.feedback where day between $first_day and $last_day
),

-- The references of an answer, in the order of the rules: "the first rule that finds an order
-- wins". A step is a rule, except that "order_ref, and if that finds none purchase_ref" are two.
sought as (
    select feedback_id, responded_at, 1 as step, 'order_id' as method, trimmed(order_ref) as ref
    from answers
    where order_ref is not null
    union all
    select feedback_id, responded_at, 2 as step, 'order_id' as method, trimmed(purchase_ref) as ref
    from answers
    where purchase_ref is not null
    union all
    select feedback_id, responded_at, 3 as step, 'customer_id' as method, customer_ref as ref
    from answers
    where customer_ref is not null
    union all
    select feedback_id, responded_at, 4 as step, 'email' as method, customer_email as ref
    from answers
    where customer_email is not null
),

-- The references of an order: "order_ref … equals the order's source_id or order_id (trimmed,
-- exact)", "customer_ref equals the order's contact_source_id or contact_id", "customer_email
-- equals the order's".
offered as (
    select order_id, day, ordered_at, 'order_id' as method, trimmed(order_id) as ref
    from unified.orders
    union all
    select order_id, day, ordered_at, 'order_id' as method, trimmed(source_id) as ref
    from unified.orders
    union all
    select order_id, day, ordered_at, 'customer_id' as method, contact_id as ref
    from unified.orders
    union all
    select order_id, day, ordered_at, 'customer_id' as method, contact_source_id as ref
    from unified.orders
    union all
    select order_id, day, ordered_at, 'email' as method, customer_email as ref
    from unified.orders
),

-- Orders and answers of one reference on a common timeline. Each answer then sees the last order
-- before it and the first after it in one pass, however many share the reference.
timeline as (
    select
        method, ref, responded_at as moment, 1 as is_answer, feedback_id, step,
        cast(null as varchar) as order_id, cast(null as timestamptz) as ordered_at
    from sought
    union all
    select
        offered.method, offered.ref, offered.ordered_at as moment, 0 as is_answer,
        cast(null as varchar) as feedback_id, cast(null as integer) as step,
        offered.order_id, offered.ordered_at
    from offered
    inner join (select distinct method, ref from sought) as wanted
        on wanted.method = offered.method and wanted.ref = offered.ref
    left join unified_orders_replaced as replaced
        on replaced.order_id = offered.order_id and replaced.day = offered.day
    where replaced.day is null
),

-- "Ties in time go to the smaller order_id": it is sorted last, next to the answer, in both
-- directions. An order of the answer's own instant is "not after the response".
seen as (
    select
        method,
        step,
        feedback_id,
        moment as responded_at,
        last_value(order_id ignore nulls) over before as order_before,
        last_value(ordered_at ignore nulls) over before as before_at,
        last_value(order_id ignore nulls) over after as order_after,
        last_value(ordered_at ignore nulls) over after as after_at
    from timeline
    window
        before as (
            partition by method, ref
            order by moment, is_answer, order_id desc
            rows between unbounded preceding and current row
        ),
        after as (
            partition by method, ref
            order by moment desc, is_answer desc, order_id desc
            rows between unbounded preceding and current row
        )
),

-- Orders that were moved to another day and are stored on both: until the later day, an answer sees
-- such an order as the earlier day has it, from then on as the later day has it. They are few, so
-- they are joined with the answers outside the timeline.
before_they_moved as (
    select
        sought.method, sought.step, sought.feedback_id, sought.responded_at, offered.order_id,
        offered.ordered_at
    from unified_orders_replaced as replaced
    inner join offered
        on offered.order_id = replaced.order_id and offered.day = replaced.day
    inner join sought on sought.method = offered.method and sought.ref = offered.ref
    where cast(sought.responded_at as date) < replaced.replaced_on
),

candidates as (
    select
        method, step, feedback_id, responded_at, order_before, before_at, order_after, after_at
    from seen
    where step is not null
    union all
    select
        method,
        step,
        feedback_id,
        responded_at,
        case when ordered_at <= responded_at then order_id end as order_before,
        case when ordered_at <= responded_at then ordered_at end as before_at,
        case when ordered_at > responded_at then order_id end as order_after,
        case when ordered_at > responded_at then ordered_at end as after_at
    from before_they_moved
),

-- "order_id: … the latest not after the response, else the earliest after it. customer_id, email:
-- the latest order not after the response and at most FEEDBACK_MATCH_DAYS before it. … The orders
-- looked at are those of the partitions of the response's day and of the FEEDBACK_MATCH_DAYS
-- calendar days before it."
judged as (
    select
        *,
        coalesce(
            case
                when method = 'order_id'
                    then
                        days_between(cast(before_at as date), cast(responded_at as date))
                        <= $match_days
                else
                    unix_micros(responded_at) - unix_micros(before_at)
                    <= cast($match_days as bigint) * 86400000000
            end,
            false
        ) as before_counts,
        coalesce(
            method = 'order_id' and cast(after_at as date) = cast(responded_at as date), false
        ) as after_counts
    from candidates
),

chosen as (
    select
        feedback_id,
        responded_at,
        step,
        method,
        case when before_counts then order_before else order_after end as order_id,
        case when before_counts then before_at else after_at end as ordered_at
    from judged
    where before_counts or after_counts
),

found as (
    select
        *,
        row_number() over (
            partition by feedback_id, responded_at
            order by
                step,
                ordered_at > responded_at,
                abs(unix_micros(responded_at) - unix_micros(ordered_at)),
                order_id
        ) as choice
    from chosen
),

matched as (
    select
        found.feedback_id,
        found.responded_at,
        found.method as match_method,
        orders.order_id,
        orders.source_id as order_source_id,
        orders.ordered_at,
        orders.contact_id,
        orders.customer_email,
        orders.currency,
        orders.net_amount
    from found
    -- By time too: an order that was moved to another day may be stored on two.
    inner join unified.orders
        on orders.order_id = found.order_id and orders.ordered_at = found.ordered_at
    where found.choice = 1
),

given as (
    select
        attribution.order_id,
        attribution.ordered_at,
        max(case when model = 'first_click' then source end) as first_click_source,
        max(case when model = 'first_click' then medium end) as first_click_medium,
        max(case when model = 'first_click' then campaign end) as first_click_campaign,
        max(case when model = 'first_optin' then source end) as first_optin_source,
        max(case when model = 'first_optin' then medium end) as first_optin_medium,
        max(case when model = 'first_optin' then campaign end) as first_optin_campaign,
        max(case when model = 're_optin' then source end) as re_optin_source,
        max(case when model = 're_optin' then medium end) as re_optin_medium,
        max(case when model = 're_optin' then campaign end) as re_optin_campaign,
        max(case when model = 'last_click' then source end) as last_click_source,
        max(case when model = 'last_click' then medium end) as last_click_medium,
        max(case when model = 'last_click' then campaign end) as last_click_campaign
    from unified.attribution
    inner join (select distinct order_id, ordered_at from matched) as credited
        on credited.order_id = attribution.order_id
        and credited.ordered_at = attribution.ordered_at
    where model in ('first_click', 'first_optin', 're_optin', 'last_click')
    group by attribution.order_id, attribution.ordered_at
),

-- "the tracker sent last before the answer whose purchase_id is the order's source_id or
-- order_id", again on timelines: one for each purchase and planned day, since an answer only looks
-- at the trackers of its own days, whatever range is built.
surveyed as (
    select feedback_id, responded_at, order_id as purchase_id
    from matched
    union all
    select feedback_id, responded_at, order_source_id as purchase_id
    from matched
    where order_source_id is not null and order_source_id <> order_id
),

surveys as (
    select day, purchase_id, id, sent_at, survey_name, clicks
    from fullwhere.survey_trackers
    where
        sent_at is not null
        and purchase_id in (select purchase_id from surveyed)
),

survey_timeline as (
    select
        planned.day, surveyed.purchase_id, surveyed.responded_at as moment, 0 as is_survey,
        surveyed.feedback_id, cast(null as varchar) as tracker_id,
        cast(null as timestamptz) as sent_at
    from surveyed
    inner join (select distinct day, purchase_id from surveys) as planned
        on planned.purchase_id = surveyed.purchase_id
        and days_between(planned.day, cast(surveyed.responded_at as date))
        between -1 and $match_days
    union all
    select
        day, purchase_id, sent_at as moment, 1 as is_survey, cast(null as varchar) as feedback_id,
        id as tracker_id, sent_at
    from surveys
),

surveys_seen as (
    select
        day,
        feedback_id,
        moment as responded_at,
        last_value(tracker_id ignore nulls) over before as tracker_id,
        last_value(sent_at ignore nulls) over before as sent_at
    from survey_timeline
    window before as (
        partition by day, purchase_id
        order by moment, is_survey, tracker_id desc
        rows between unbounded preceding and current row
    )
),

survey_sent_last as (
    select
        seen.feedback_id,
        seen.responded_at,
        surveys.sent_at,
        surveys.survey_name,
        surveys.clicks,
        row_number() over (
            partition by seen.feedback_id, seen.responded_at
            order by seen.sent_at desc, seen.tracker_id, seen.day desc
        ) as choice
    from surveys_seen as seen
    inner join surveys on surveys.day = seen.day and surveys.id = seen.tracker_id
    where seen.feedback_id is not null
)

-- "Every feedback row comes out exactly once."
select
    answers.day,
    answers.feedback_id,
    answers.provider,
    answers.provider_feedback_id,
    answers.responded_at,
    answers.score,
    answers.nps_class,
    answers.stars,
    answers.comment,
    answers.reply,
    answers.replied_at,
    answers.status,
    answers.is_spam,
    answers.sentiment_score,
    answers.sentiment_label,
    answers.purchased_at,
    answers.purchase_amount,
    matched.match_method,
    matched.order_id,
    matched.order_source_id,
    matched.ordered_at,
    matched.currency,
    matched.net_amount,
    (unix_micros(answers.responded_at) - unix_micros(matched.ordered_at)) / 86400e6
        as days_to_response,
    -- "customer_key = hex HMAC-SHA256 … of the e-mail (the answer's, else the order's), else of
    -- the order's contact id, else null"
    customer_key(
        coalesce(answers.customer_email, matched.customer_email, matched.contact_id),
        $inner_pad,
        $outer_pad
    ) as customer_key,
    channel_name(given.first_click_source) as first_click_source,
    channel_name(given.first_click_medium) as first_click_medium,
    channel_name(given.first_click_campaign) as first_click_campaign,
    channel_name(given.first_optin_source) as first_optin_source,
    channel_name(given.first_optin_medium) as first_optin_medium,
    channel_name(given.first_optin_campaign) as first_optin_campaign,
    channel_name(given.re_optin_source) as re_optin_source,
    channel_name(given.re_optin_medium) as re_optin_medium,
    channel_name(given.re_optin_campaign) as re_optin_campaign,
    channel_name(given.last_click_source) as last_click_source,
    channel_name(given.last_click_medium) as last_click_medium,
    channel_name(given.last_click_campaign) as last_click_campaign,
    survey.sent_at as survey_sent_at,
    survey.survey_name,
    survey.clicks as survey_clicks
from answers
left join matched
    on matched.feedback_id = answers.feedback_id and matched.responded_at = answers.responded_at
left join given
    on given.order_id = matched.order_id and given.ordered_at = matched.ordered_at
left join survey_sent_last as survey
    on survey.feedback_id = answers.feedback_id
    and survey.responded_at = answers.responded_at
    and survey.choice = 1
