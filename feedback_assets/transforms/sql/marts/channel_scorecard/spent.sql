-- One row per row of ad_spend.daily, under the names by which channels count.
select
    day,
    coalesce(channel_name(source), '(none)') as source,
    coalesce(channel_name(medium), '(none)') as medium,
    coalesce(channel_name(campaign), '(none)') as campaign,
    coalesce(currency_code(currency), '(none)') as currency,
    spend,
    clicks,
    impressions,
    covered_from,
    covered_to
from ad_spend.daily
