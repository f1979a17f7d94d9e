-- The share of answers matched with an order; a share under the threshold should be looked into.
-- With fewer than 30 answers a low share may be chance.
select
    coalesce(sum(responses), 0) as responses,
    coalesce(sum(case when match_method is not null then responses else 0 end), 0) as matched,
    sum(case when match_method is not null then responses else 0 end) / sum(responses) as share,
    case
        when
            sum(case when match_method is not null then responses else 0 end) / sum(responses)
            < $least_matched
            and sum(responses) >= 30
            then 1
        else 0
    end as violations
from marts.match_coverage
where day between $first_day and $last_day
