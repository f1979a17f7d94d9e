-- One row an order, model and touch, on the order's day.
with

-- The orders of a day are numbered as they stand in it, so that what follows joins and sorts by
-- whole numbers: text of three columns took twice as long to sort.
orders as (
    select
        day,
        id as order_id,
        "date" as ordered_at,
        present(contact.id) as contact_id,
        attributions,
        row_number() over (partition by day order by "date", id) as place
    from wicked_reports.orders
    where day between $first_day and $last_day
),

given as (
    select
        day, place, order_id, ordered_at, 1 as model_place, 'first_click' as model,
        attributions.first_click as touch
    from orders
    union all
    select
        day, place, order_id, ordered_at, 2 as model_place, 'first_optin' as model,
        attributions.first_optin as touch
    from orders
    union all
    select
        day, place, order_id, ordered_at, 6 as model_place, 're_optin' as model,
        attributions.re_optin as touch
    from orders
    union all
    select
        day, place, order_id, ordered_at, 3 as model_place, 'last_click' as model,
        attributions.last_click as touch
    from orders
),

given_touches as (
    select
        day,
        place,
        order_id,
        ordered_at,
        model_place,
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

-- "computed over the clicks of the order's contact from FEEDBACK_TOUCH_DAYS before it up to it",
-- bounds included. The window of an order lies in two stretches of time of its length, and only
-- clicks of these are compared with it: a contact's every click with every order of theirs would
-- be too many where a shop has one contact for all its guests.
stretches as (
    select
        day,
        place,
        contact_id,
        ordered_at,
        unix_micros(ordered_at) // (greatest($touch_days, 1) * 86400000000) - back as stretch
    from orders
    cross join (values (0), (1)) as earlier (back)  -- noqa: AL05
    where contact_id is not null
),

clicks as (
    select
        contact_id,
        "date" as touched_at,
        unix_micros("date") // (greatest($touch_days, 1) * 86400000000) as stretch,
        utms,
        tracking_url
    from wicked_reports.clicks
),

-- Clicks of one instant stand in the order of the rest of their key, so that the numbers are the
-- same in every build: the URL last, so that they are the same too once it was erased.
numbered as (
    select
        stretches.day,
        stretches.place,
        clicks.touched_at,
        clicks.utms,
        row_number() over (
            partition by stretches.day, stretches.place
            order by
                clicks.touched_at,
                clicks.utms.source nulls first,
                clicks.utms.medium nulls first,
                clicks.utms.campaign nulls first,
                clicks.utms.content nulls first,
                clicks.utms.term nulls first,
                clicks.tracking_url nulls first
        ) as touch_index
    from stretches
    inner join clicks
        on clicks.contact_id = stretches.contact_id and clicks.stretch = stretches.stretch
    where
        unix_micros(stretches.ordered_at) - unix_micros(clicks.touched_at)
        between 0 and $touch_days * 86400000000
),

counted as (
    select day, place, count(*) as touch_count, max(unix_micros(touched_at)) as last_touch
    from numbered
    group by day, place
),

-- "time_decay (half-life 7 days before the order)". Measured from the last touch, which divides
-- every touch's decay by the same number and keeps old ones from vanishing.
touches as (
    select
        numbered.day,
        numbered.place,
        numbered.touch_index,
        counted.touch_count,
        numbered.touched_at,
        numbered.utms,
        two_to_the((unix_micros(numbered.touched_at) - counted.last_touch) / 86400e6 / 7) as decay
    from numbered
    inner join counted on counted.day = numbered.day and counted.place = numbered.place
),

decay_sums as (
    select day, place, of_units(sum(units(decay))) as decay_sum
    from touches
    group by day, place
),

credited as (
    select
        orders.day,
        orders.place,
        orders.order_id,
        orders.ordered_at,
        t.touch_index,
        t.touch_count,
        t.touched_at,
        present(t.utms.source) as source,
        present(t.utms.medium) as medium,
        present(t.utms.campaign) as campaign,
        present(t.utms.content) as content,
        present(t.utms.term) as term,
        t.decay / decay_sums.decay_sum as decay_share
    from touches as t
    inner join decay_sums on decay_sums.day = t.day and decay_sums.place = t.place
    inner join orders on orders.day = t.day and orders.place = t.place
)

-- "first_click, first_optin, re_optin, last_click: as Wicked Reports gives them, weight 1; none
-- where the model is absent or empty."
select
    day, place, model_place, order_id, ordered_at, model, 1 as touch_index, 1 as touch_count,
    touched_at,
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
    t.day, t.place, models.model_place, t.order_id, t.ordered_at, models.model, t.touch_index,
    t.touch_count, t.touched_at, t.source, t.medium, t.campaign, t.content, t.term,
    case
        when models.model = 'linear' then 1e0 / t.touch_count
        when models.model = 'time_decay' then t.decay_share
        when t.touch_count = 1 then 1e0
        when t.touch_count = 2 then 0.5e0
        when t.touch_index in (1, t.touch_count) then 0.4e0
        else 0.2e0 / (t.touch_count - 2)
    end as weight
from credited as t
cross join (
    values (4, 'linear'), (5, 'position_based'), (7, 'time_decay')
) as models (model_place, model)
-- The order of the table: its models stand in that of their names.
order by day, place, model_place, touch_index
