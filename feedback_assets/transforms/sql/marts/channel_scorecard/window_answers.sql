-- One row per window, span of it and answer in the span: whose it is, and about which order.
--
-- Spans are the window ("in"), the one before it, and the first orders in the window ("first").
select
    windows.window_days,
    spans.span,
    coalesce(versions.version, 0) as version,
    answers.currency,
    answers.account,
    answers.all_account,
    answers.score
from parts.answers
inner join parts.windows on windows.bucket = answers.bucket
inner join (values ('in'), ('before'), ('first')) as spans (span)
    on (spans.span = 'in' and windows.is_in)
    or (spans.span = 'before' and windows.is_before)
    or (spans.span = 'first' and windows.is_in and answers.is_first)
left join parts.versions
    on versions.order_id = answers.order_id and versions.ordered_at = answers.ordered_at
