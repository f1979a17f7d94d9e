-- Totals of the comments, of which the page shows the newest.
select
    (select count(*) from marts.detractor_queue) as waiting,
    (select count(*) from marts.detractor_queue where present(comment) is not null)
        as waiting_comments,
    (select unix_micros(min(responded_at)) from marts.detractor_queue) as oldest,
    (select cast(median(unix_micros(responded_at)) as bigint) from marts.detractor_queue)
        as middle,
    (
        select count(*) from marts.order_feedback
        where
            present(comment) is not null
            and is_spam is not true
            and day > cast($last_day as date) - 365
    ) as comments
