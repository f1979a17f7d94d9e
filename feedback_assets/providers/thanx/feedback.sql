with

-- "An answer may come up to FEEDBACK_MATCH_DAYS after the purchase day in whose partition it is
-- stored." A record stored in two partitions, because its purchase moved to another day, counts in
-- the later one from that day on.
records as (
    select held.*, replaced.replaced_on
    from thanx.feedbacks as held
    left join thanx_feedbacks_replaced as replaced
        on replaced.id = held.id and replaced.day = held.day
),

-- "Thanx: records with a rating or a review; responded_at = rated_at, else reviewed_at, else
-- responded_at, else purchased_at."
answered as (
    select
        *,
        coalesce(rated_at, reviewed_at, responded_at, purchased_at) as answered_at,
        cast(coalesce(rated_at, reviewed_at, responded_at, purchased_at) as date) as answered_on
    from records
    where rating is not null or present(review) is not null
)

select
    answered_on as day,
    id as provider_feedback_id,
    answered_at as responded_at,
    rating as score,
    review as comment,
    response as reply,
    responded_at as replied_at,
    state as status,
    -- "order_ref = purchase.order.id, purchase_ref = purchase.id, customer_ref = user_id"
    purchase."order".id as order_ref,
    purchase.id as purchase_ref,
    user_id as customer_ref,
    location_id as location_ref,
    purchased_at,
    purchase.amount as purchase_amount
from answered
where
    answered_on between $first_day and $last_day
    and days_between(day, answered_on) between 0 and $match_days
    and (replaced_on is null or replaced_on > answered_on)
