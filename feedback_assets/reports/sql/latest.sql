-- When each provider's latest stored answer was given.
select provider, unix_micros(max(responded_at)) as answered_at
from marts.order_feedback
group by provider
order by provider
