-- One row a product that was reviewed.
with

items as (
    select "date" as ordered_at, id as order_id, unnest(products) as product
    from wicked_reports_orders_latest
),

-- "product_name (from order products)": a product that was renamed has its latest name, of two
-- orders of one instant that of the smaller order_id.
names as (
    select
        product.id as real_id,
        min(
            {
                'before': -unix_micros(ordered_at),
                'order_id': order_id,
                'name': present(product.name)
            }
        ) as latest
    from items
    where present(product.name) is not null
    group by product.id
),

summed as (
    select
        real_id,
        count(*) as reviews,
        count(score) as scores,
        mean_of(score) as score_mean,
        deviation_of(score) as deviation,
        count(present(comment)) as comments
    from retargeting.product_reviews
    group by real_id
)

-- "mean ∓ 1.96 × standard deviation / √n, null for fewer than two"
select
    summed.real_id,
    names.latest.name as product_name,
    summed.reviews,
    summed.score_mean,
    case
        when summed.scores >= 2
            then summed.score_mean - 1.96e0 * summed.deviation / sqrt(summed.scores)
    end as score_low,
    case
        when summed.scores >= 2
            then summed.score_mean + 1.96e0 * summed.deviation / sqrt(summed.scores)
    end as score_high,
    summed.comments
from summed
left join names on names.real_id = summed.real_id
