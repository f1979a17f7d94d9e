-- The progress of surveys of the last 90 days, the largest kinds first.
select
    survey_name,
    sending_type,
    sum(planned)::bigint as planned,
    sum(sent)::bigint as sent,
    sum(resent)::bigint as resent,
    sum(clicked)::bigint as clicked,
    sum(answered)::bigint as answered
from marts.survey_funnel
where day > cast($last_day as date) - 90 and day <= $last_day
group by survey_name, sending_type
order by sent desc, survey_name nulls last, sending_type nulls last
