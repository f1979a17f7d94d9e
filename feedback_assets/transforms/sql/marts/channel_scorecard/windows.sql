-- One row per window and bucket of ages: which spans of days of the window the bucket is in.
with

lengths as (
    select window_days
    from (values (7), (30), (90), (365)) as lengths (window_days)
),

-- The least age of each bucket, as age_bucket has it.
buckets as (
    select bucket
    from (
        values
        (0), (7), (14), (21), (30), (37), (44), (60), (90), (104), (120), (180), (365), (379),
        (395)
    ) as ages (bucket)
),

-- "preceding window; null unless all its days are held"
before as (
    select lengths.window_days, count(days.day) = lengths.window_days as is_held
    from lengths
    left join parts.days
        on days.age between lengths.window_days and 2 * lengths.window_days - 1
    group by lengths.window_days
)

select
    lengths.window_days,
    buckets.bucket,
    buckets.bucket < lengths.window_days as is_in,
    buckets.bucket between lengths.window_days and 2 * lengths.window_days - 1
    and before.is_held as is_before,
    before.is_held as before_is_held,
    -- "orders 30 to 29+window days before the last day"
    buckets.bucket between 30 and 29 + lengths.window_days as is_in_return_base,
    -- "orders 14 to 13+window days before the end"
    buckets.bucket between 14 and 13 + lengths.window_days as is_in_response_base
from lengths
inner join before on before.window_days = lengths.window_days
cross join buckets
