-- One row an answer, of whichever provider, on the day it was given.
with

-- "An answer may lie up to FEEDBACK_MATCH_DAYS after the purchase day whose partition holds it."
-- A record that is held on two days, because its purchase was given another day, counts as the later
-- one has it from that day on.
thanx_records as (
    select held.*, replaced.replaced_on
    from thanx.feedbacks as held
    left join thanx_feedbacks_replaced as replaced
        on replaced.id = held.id and replaced.day = held.day
),

-- "Thanx: records with a rating or a review; responded_at = rated_at, else reviewed_at, else
-- responded_at, else purchased_at."
thanx_answers as (
    select
        *,
        coalesce(rated_at, reviewed_at, responded_at, purchased_at) as answered_at,
        cast(coalesce(rated_at, reviewed_at, responded_at, purchased_at) as date) as answered_on
    from thanx_records
    where rating is not null or present(review) is not null
),

answers as (
    select
        answered_on as day,
        'thanx' as provider,
        id as provider_feedback_id,
        answered_at as responded_at,
        rating as score,
        cast(null as tinyint) as stars,
        review as comment,
        response as reply,
        responded_at as replied_at,
        state as status,
        false as is_spam,
        cast(null as double) as sentiment_score,
        cast(null as varchar) as sentiment_label,
        -- "order_ref = purchase.order.id, purchase_ref = purchase.id, customer_ref = user_id"
        purchase."order".id as order_ref,
        purchase.id as purchase_ref,
        cast(null as varchar) as customer_email,
        user_id as customer_ref,
        cast(null as varchar) as product_ref,
        location_id as location_ref,
        cast(null as varchar) as survey_ref,
        purchased_at,
        purchase.amount as purchase_amount
    from thanx_answers
    where
        answered_on between $first_day and $last_day
        and days_between(day, answered_on) between 0 and $match_days
        and (replaced_on is null or replaced_on > answered_on)

    union all

    -- "FeedbackPulse: every submission; customer_email, product_ref = product_id,
    -- survey_ref = campaign_id, is_spam = status is spam; responded_at = created_at."
    select
        day,
        'feedbackpulse' as provider,
        cast(id as varchar) as provider_feedback_id,
        created_at as responded_at,
        nps_score as score,
        star_rating as stars,
        text_feedback as comment,
        admin_reply as reply,
        cast(null as timestamptz) as replied_at,
        status,
        coalesce(lower(trimmed(status)) = 'spam', false) as is_spam,
        sentiment_score,
        sentiment_label,
        cast(null as varchar) as order_ref,
        cast(null as varchar) as purchase_ref,
        normal_email(customer_email) as customer_email,
        cast(null as varchar) as customer_ref,
        cast(product_id as varchar) as product_ref,
        cast(null as varchar) as location_ref,
        cast(campaign_id as varchar) as survey_ref,
        cast(null as timestamptz) as purchased_at,
        cast(null as decimal(18, 4)) as purchase_amount
    from feedbackpulse.submissions
    where day between $first_day and $last_day

    union all

    -- "Retargeting: order feedback; order_ref = order_no. Product reviews are not NPS and stay
    -- out." feedback_id is "retargeting:<order_no>:<added_on in UTC as 2021-05-20T14:25:27Z>";
    -- a fraction of a second is written where there is one, so that two answers of one second
    -- keep two ids.
    select
        day,
        'retargeting' as provider,
        order_no || ':' || utc_text(added_on) as provider_feedback_id,
        added_on as responded_at,
        score,
        cast(null as tinyint) as stars,
        comment,
        cast(null as varchar) as reply,
        cast(null as timestamptz) as replied_at,
        cast(null as varchar) as status,
        false as is_spam,
        cast(null as double) as sentiment_score,
        cast(null as varchar) as sentiment_label,
        order_no as order_ref,
        cast(null as varchar) as purchase_ref,
        cast(null as varchar) as customer_email,
        cast(null as varchar) as customer_ref,
        cast(null as varchar) as product_ref,
        cast(null as varchar) as location_ref,
        cast(null as varchar) as survey_ref,
        "order"."date" as purchased_at,
        cast(null as decimal(18, 4)) as purchase_amount
    from retargeting.order_feedback
    where day between $first_day and $last_day
)

-- "Blank strings are null."
select
    day,
    provider || ':' || provider_feedback_id as feedback_id,
    provider,
    provider_feedback_id,
    responded_at,
    score,
    -- "nps_class (promoter 9–10, passive 7–8, detractor 0–6, null without score)"
    case
        when score >= 9 then 'promoter'
        when score >= 7 then 'passive'
        when score >= 0 then 'detractor'
    end as nps_class,
    stars,
    present(comment) as comment,
    present(reply) as reply,
    replied_at,
    present(status) as status,
    is_spam,
    sentiment_score,
    present(sentiment_label) as sentiment_label,
    present(order_ref) as order_ref,
    present(purchase_ref) as purchase_ref,
    customer_email,
    present(customer_ref) as customer_ref,
    product_ref,
    present(location_ref) as location_ref,
    survey_ref,
    purchased_at,
    purchase_amount
from answers
