-- One row per credit: an answer that a model gives to a channel, in whole or in part.
--
-- "credited as in nps_by_attribution": by the touches of its order, else (unattributed), and
-- without an order (unmatched). The weight is in whole 10^-15.
select
    models.number as model,
    channels.campaign_channel,
    channels.medium_channel,
    channels.source_channel,
    cast(units(coalesce(touch.weight, 1e0)) as bigint) as weight,
    answers.feedback_id,
    answers.day,
    answers.currency,
    answers.account,
    answers.all_account,
    answers.bucket,
    answers.score,
    answers.is_first
from parts.answers
cross join parts.models
left join unified.attribution as touch
    on touch.order_id = answers.order_id
    and touch.ordered_at = answers.ordered_at
    and touch.model = models.model
inner join parts.channels
    on channels.written_source is not distinct from touch.source
    and channels.written_medium is not distinct from touch.medium
    and channels.written_campaign is not distinct from touch.campaign
    and channels.kind = case
        when answers.order_id is null then 'no order'
        when touch.order_id is null then 'no touch'
        else 'touch'
    end
