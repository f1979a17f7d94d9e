-- One row per window, span and account: a customer's answers about a currency, or about several.
select
    window_days,
    span,
    account,
    currency,
    all_account is not null as is_several,
    count(*) as answers,
    sum(score) as score,
    sum(case when score = 1 then 1 else 0 end) as promoters
from parts.window_answers
group by window_days, span, account, currency, all_account is not null

union all

select
    window_days,
    span,
    all_account as account,
    '(all)' as currency,
    true as is_several,
    count(*) as answers,
    sum(score) as score,
    sum(case when score = 1 then 1 else 0 end) as promoters
from parts.window_answers
where all_account is not null
group by window_days, span, all_account
