-- A dashboard over the published Postgres schema, one query per tile. Each query is self-contained:
-- paste it into Metabase, Superset, Grafana or psql. docs/publishing.md describes how to publish the
-- schema, and docs/tables.md describes each column.

-- tile: How fresh the tables are
select published_at, newest_day
from feedback._publications
order by published_at desc
limit 1;

-- tile: Channel scorecard, last 90 days, by last click
select
    source,
    medium,
    currency,
    round(orders::numeric, 1) as orders,
    round(net_amount, 2) as net_amount,
    round(net_amount_per_customer::numeric, 2) as net_amount_per_customer,
    round(return_rate::numeric, 3) as return_rate,
    round(responses::numeric, 1) as responses,
    round(nps::numeric, 1) as nps,
    round(nps_low::numeric, 1) as nps_low,
    round(nps_high::numeric, 1) as nps_high,
    round(spend, 2) as spend,
    round(roas::numeric, 2) as roas
from feedback.marts__channel_scorecard
where
    window_days = 90
    and model = 'last_click'
    and level = 'medium'
    -- The rows of all currencies together have counts and NPS, but no money.
    and currency <> '(all)'
order by net_amount desc nulls last
limit 30;

-- tile: NPS by week and provider
select
    date_trunc('week', day)::date as week,
    provider,
    sum(responses) as responses,
    round(100.0 * (sum(promoters) - sum(detractors)) / nullif(sum(responses), 0), 1) as nps
from feedback.marts__nps_daily
group by week, provider
order by week, provider;

-- tile: NPS by week and source, by last click
select
    date_trunc('week', day)::date as week,
    source,
    round(sum(responses)::numeric, 1) as responses,
    round((100 * (sum(promoters) - sum(detractors)) / nullif(sum(responses), 0))::numeric, 1) as nps
from feedback.marts__nps_by_attribution
where
    model = 'last_click'
    and day >= (select max(newest_day) - 90 from feedback._publications)
group by week, source
order by week, responses desc;

-- tile: Unhappy customers waiting for a reply, most valuable first
select
    responded_at,
    days_waiting,
    score,
    comment,
    provider,
    order_source_id,
    customer_net_amount,
    currency,
    last_click_source
from feedback.marts__detractor_queue
order by customer_net_amount desc nulls last, responded_at
limit 100;

-- tile: Share of answers matched to an order, by month
select
    date_trunc('month', day)::date as month,
    provider,
    coalesce(match_method, '(none)') as match_method,
    sum(responses) as responses,
    round(
        100.0 * sum(responses)
        / sum(sum(responses)) over (partition by date_trunc('month', day), provider),
        1
    ) as percent
from feedback.marts__match_coverage
group by date_trunc('month', day), provider, match_method
order by month, provider, responses desc;
