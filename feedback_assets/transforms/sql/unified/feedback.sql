-- One row an answer, of whichever provider, on the day it was given. `answers` is each provider's
-- feedback.sql, one after the other: transforms/answers.py.

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
