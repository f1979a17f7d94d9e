-- Products by mean score, best first; only both ends of a long list, with the total.
with ranked as (
    select
        *,
        reviews >= $few and score_low is not null as is_enough,
        row_number() over (
            partition by reviews >= $few and score_low is not null
            order by score_mean desc nulls last, real_id
        ) as from_top,
        row_number() over (
            partition by reviews >= $few and score_low is not null
            order by score_mean nulls last, real_id desc
        ) as from_bottom,
        count(*) over (partition by reviews >= $few and score_low is not null) as alike
    from marts.product_scores
)

select
    real_id, product_name, reviews, score_mean, score_low, score_high, comments, is_enough, alike
from ranked
where case when is_enough then from_top <= $most or from_bottom <= $most else from_top <= $most end
order by is_enough desc, score_mean desc nulls last, real_id
