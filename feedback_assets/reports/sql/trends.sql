-- The answers of each channel in seven days, counted back from the last one, on each level.
select
    model,
    case
        when grouping(campaign) = 0 then 'campaign'
        when grouping(medium) = 0 then 'medium'
        else 'source'
    end as level,
    source,
    coalesce(medium, '(all)') as medium,
    coalesce(campaign, '(all)') as campaign,
    (cast($last_day as date) - day) // 7 as weeks_ago,
    of_units(sum(units(responses))) as responses,
    of_units(sum(units(promoters))) as promoters,
    of_units(sum(units(passives))) as passives,
    of_units(sum(units(detractors))) as detractors
from marts.nps_by_attribution
where day > cast($last_day as date) - 7 * $weeks and day <= $last_day
group by
    grouping sets (
        (model, weeks_ago, source, medium, campaign),
        (model, weeks_ago, source, medium),
        (model, weeks_ago, source)
    )
having of_units(sum(units(responses))) >= $few
order by model, level, source, medium, campaign, weeks_ago
