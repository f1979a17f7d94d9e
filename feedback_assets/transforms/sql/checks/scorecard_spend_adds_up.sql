-- "spend = spend table, in every model", and so at every level, on days whose orders are stored.
with

stored as (
    select distinct cast(word as date) as day
    from (select unnest(string_split($days_held, ',')) as word) as words
    where word <> ''
),

windows as (
    select window_days from (values (7), (30), (90), (365)) as lengths (window_days)
),

wanted as (
    select
        windows.window_days,
        coalesce(currency_code(daily.currency), '(none)') as currency,
        sum(daily.spend) as spend
    from ad_spend.daily
    inner join stored on stored.day = daily.day
    inner join windows
        on days_between(daily.day, cast($last_day as date)) between 0 and windows.window_days - 1
    group by windows.window_days, coalesce(currency_code(daily.currency), '(none)')
),

found as (
    select window_days, currency, model, level, sum(spend) as spend
    from marts.channel_scorecard
    where spend is not null
    group by window_days, currency, model, level
),

every as (
    select wanted.*, models.model, levels.level
    from wanted
    cross join (
        values
        ('first_click'), ('first_optin'), ('re_optin'), ('last_click'),
        ('linear'), ('position_based'), ('time_decay')
    ) as models (model)
    cross join (values ('campaign'), ('medium'), ('source'), ('all')) as levels (level)
)

select
    count(*) as sums,
    coalesce(sum(
        case when coalesce(found.spend, 0) <> coalesce(every.spend, 0) then 1 else 0 end
    ), 0) as violations
from every
full join found
    on found.window_days = every.window_days
    and found.currency = every.currency
    and found.model = every.model
    and found.level = every.level
