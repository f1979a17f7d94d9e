-- The newest comments of the last year besides those in the queue; no spam.
select
    answer.feedback_id,
    answer.provider,
    unix_micros(answer.responded_at) as responded_at,
    answer.score,
    answer.nps_class,
    answer.comment,
    answer.reply,
    false as waits,
    answer.customer_key,
    answer.order_source_id,
    answer.currency,
    cast(null as decimal(38, 4)) as customer_net_amount,
    answer.first_click_source as source,
    answer.first_click_campaign as campaign
from marts.order_feedback as answer
where
    present(answer.comment) is not null
    and answer.is_spam is not true
    and answer.day > cast($last_day as date) - 365
    and not exists (
        select 1 from marts.detractor_queue as queue where queue.feedback_id = answer.feedback_id
    )
order by answer.responded_at desc, answer.feedback_id
limit $most
