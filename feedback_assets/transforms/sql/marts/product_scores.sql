-- One row a product that was reviewed.
with

items as (
    select "date" as ordered_at, id as order_id, unnest(products) as product
    from wicked_reports.orders
),

products as (
    select product.id as real_id, present(product.name) as name, ordered_at, order_id
    from items
    where
        product.id in (select real_id from retargeting.product_reviews)
        and present(product.name) is not null
),

-- "product_name (from order products)": a product that was renamed has its latest name.
names as (
    select
        real_id,
        name,
        row_number() over (
            partition by real_id
            order by ordered_at desc, order_id, name
        ) as choice
    from products
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
    names.name as product_name,
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
left join names on names.real_id = summed.real_id and names.choice = 1
