-- One row per window, or the one before it, and account: a customer's answers about a currency.
select
    windows.window_days,
    windows.is_before,
    answers.account,
    answers.currency,
    answers.all_account is not null as is_several,
    count(*) as answers,
    sum(answers.score) as score
from parts.answers
inner join parts.windows on windows.bucket = answers.bucket
where windows.is_in or windows.is_before
group by
    windows.window_days, windows.is_before, answers.account, answers.currency,
    answers.all_account is not null

union all

select
    windows.window_days,
    windows.is_before,
    answers.all_account,
    '(all)',
    true,
    count(*),
    sum(answers.score)
from parts.answers
inner join parts.windows on windows.bucket = answers.bucket
where (windows.is_in or windows.is_before) and answers.all_account is not null
group by windows.window_days, windows.is_before, answers.all_account
