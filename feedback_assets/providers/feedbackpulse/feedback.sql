-- "FeedbackPulse: every submission; customer_email, product_ref = product_id,
-- survey_ref = campaign_id, is_spam = status is spam; responded_at = created_at."
select
    day,
    cast(id as varchar) as provider_feedback_id,
    created_at as responded_at,
    nps_score as score,
    star_rating as stars,
    text_feedback as comment,
    admin_reply as reply,
    status,
    coalesce(lower(trimmed(status)) = 'spam', false) as is_spam,
    sentiment_score,
    sentiment_label,
    normal_email(customer_email) as customer_email,
    cast(product_id as varchar) as product_ref,
    cast(campaign_id as varchar) as survey_ref
from feedbackpulse.submissions
where day between $first_day and $last_day
