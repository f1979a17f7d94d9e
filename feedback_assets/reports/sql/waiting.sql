-- Detractors who wrote something and have no reply, newest first.
select
    queue.feedback_id,
    queue.provider,
    unix_micros(queue.responded_at) as responded_at,
    queue.score,
    'detractor' as nps_class,
    queue.comment,
    cast(null as varchar) as reply,
    true as waits,
    queue.customer_key,
    queue.order_source_id,
    queue.currency,
    queue.customer_net_amount,
    queue.first_click_source as source,
    queue.first_click_campaign as campaign
from marts.detractor_queue as queue
where present(queue.comment) is not null
order by queue.responded_at desc, queue.feedback_id
limit $most
