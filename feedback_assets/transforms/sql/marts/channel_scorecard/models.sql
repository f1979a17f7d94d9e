-- One row per model: its name, and the number by which rows are grouped.
select number, model
from (
    values
    (1, 'first_click'), (2, 'first_optin'), (3, 're_optin'), (4, 'last_click'),
    (5, 'linear'), (6, 'position_based'), (7, 'time_decay')
) as names (number, model)
