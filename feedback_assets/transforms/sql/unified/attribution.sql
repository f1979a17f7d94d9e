-- One row an order, model and touch, on the order's day.
with

orders as (
    select
        day,
        id as order_id,
        "date" as ordered_at,
        present(contact.id) as contact_id,
        attributions
    from wicked_reports.orders
    where day between $first_day and $last_day
),

given as (
    select day, order_id, ordered_at, 'first_click' as model, attributions.first_click as touch
    from orders
    union all
    select day, order_id, ordered_at, 'first_optin' as model, attributions.first_optin as touch
    from orders
    union all
    select day, order_id, ordered_at, 're_optin' as model, attributions.re_optin as touch
    from orders
    union all
    select day, order_id, ordered_at, 'last_click' as model, attributions.last_click as touch
    from orders
),

given_touches as (
    select
        day,
        order_id,
        ordered_at,
        model,
        touch."date" as touched_at,
        present(touch.source) as source,
        present(touch.medium) as medium,
        present(touch.campaign) as campaign,
        present(touch.content) as content,
        present(touch.term) as term
    from given
    where touch is not null
),

-- Every click of whoever ordered, numbered by contact. Clicks of one instant stand in the order
-- of the rest of their key, so that the numbers are the same in every build: the URL last, so that
-- they are the same too once it was erased.
clicks as (
    select
        contact_id,
        "date" as touched_at,
        present(utms.source) as source,
        present(utms.medium) as medium,
        present(utms.campaign) as campaign,
        present(utms.content) as content,
        present(utms.term) as term,
        row_number() over (
            partition by contact_id
            order by
                "date",
                utms.source nulls first,
                utms.medium nulls first,
                utms.campaign nulls first,
                utms.content nulls first,
                utms.term nulls first,
                tracking_url nulls first
        ) as click_number
    from wicked_reports.clicks
    where contact_id in (select contact_id from orders where contact_id is not null)
),

-- "computed over the clicks of the order's contact from FEEDBACK_TOUCH_DAYS before it up to it",
-- bounds included: how many clicks come before the window opens, and how many before it closes,
-- is counted in one pass over clicks, openings and closings. A join on the times would compare
-- every order of a contact with every click.
moments as (
    select contact_id, unix_micros(touched_at) as moment, 1 as place, 1 as click,
        cast(null as varchar) as order_id, cast(null as timestamptz) as ordered_at
    from clicks
    union all
    select contact_id,
        unix_micros(ordered_at) - cast($touch_days as bigint) * 86400000000 as moment,
        0 as place, 0 as click, order_id, ordered_at
    from orders
    where contact_id is not null
    union all
    select contact_id, unix_micros(ordered_at) as moment, 2 as place, 0 as click, order_id, ordered_at
    from orders
    where contact_id is not null
),

counted as (
    select
        contact_id,
        order_id,
        ordered_at,
        sum(click) over (
            partition by contact_id
            order by moment, place
            rows between unbounded preceding and current row
        ) as clicks_so_far,
        max(case when click = 1 then moment end) over (
            partition by contact_id
            order by moment, place
            rows between unbounded preceding and current row
        ) as last_click
    from moments
),

windows as (
    select
        contact_id,
        order_id,
        ordered_at,
        cast(min(clicks_so_far) as bigint) as clicks_before,
        cast(max(clicks_so_far) as bigint) as clicks_until,
        max(last_click) as last_touch
    from counted
    where order_id is not null
    group by contact_id, order_id, ordered_at
),

window_clicks as (
    select
        contact_id,
        order_id,
        ordered_at,
        clicks_before,
        clicks_until - clicks_before as touch_count,
        last_touch,
        unnest(generate_series(clicks_before + 1, clicks_until)) as click_number
    from windows
    where clicks_until > clicks_before
),

-- "time_decay (half-life 7 days before the order)". Measured from the last touch, which divides
-- every touch's decay by the same number and keeps old ones from vanishing.
touches as (
    select
        w.contact_id,
        w.order_id,
        w.ordered_at,
        w.click_number,
        w.click_number - w.clicks_before as touch_index,
        w.touch_count,
        two_to_the((unix_micros(clicks.touched_at) - w.last_touch) / 86400e6 / 7) as decay
    from window_clicks as w
    inner join clicks
        on clicks.contact_id = w.contact_id and clicks.click_number = w.click_number
),

decay_sums as (
    select order_id, ordered_at, of_units(sum(units(decay))) as decay_sum
    from touches
    group by order_id, ordered_at
)

-- "first_click, first_optin, re_optin, last_click: as Wicked Reports gives them, weight 1; none
-- where the model is absent or empty."
select
    day, order_id, ordered_at, model, 1 as touch_index, 1 as touch_count, touched_at,
    source, medium, campaign, content, term, 1e0 as weight
from given_touches
where
    touched_at is not null
    or source is not null
    or medium is not null
    or campaign is not null
    or content is not null
    or term is not null

union all

-- "linear, position_based (40/20/40; two touches 50/50; one 100), time_decay … source, medium …
-- are the click's utms, and a click without them is a touch all the same"
select
    cast(t.ordered_at as date) as day, t.order_id, t.ordered_at, models.model, t.touch_index,
    t.touch_count, clicks.touched_at, clicks.source, clicks.medium, clicks.campaign,
    clicks.content, clicks.term,
    case
        when models.model = 'linear' then 1e0 / t.touch_count
        when models.model = 'time_decay'
            then t.decay / decay_sums.decay_sum
        when t.touch_count = 1 then 1e0
        when t.touch_count = 2 then 0.5e0
        when t.touch_index in (1, t.touch_count) then 0.4e0
        else 0.2e0 / (t.touch_count - 2)
    end as weight
from touches as t
inner join decay_sums on decay_sums.order_id = t.order_id and decay_sums.ordered_at = t.ordered_at
inner join clicks on clicks.contact_id = t.contact_id and clicks.click_number = t.click_number
cross join (values ('linear'), ('position_based'), ('time_decay')) as models(model)
