-- One row a model: its name, the number by which rows are grouped, and where its weights stand.
--
-- The models of several touches share them, so that one row of a track has the weights of three: in
-- slot 1, 2 or 3. The others have a track each.
select number, model, track, slot
from (
    values
        (1, 'first_click', 1, 1), (2, 'first_optin', 2, 1), (3, 're_optin', 3, 1),
        (4, 'last_click', 4, 1), (5, 'linear', 5, 1), (6, 'position_based', 5, 2),
        (7, 'time_decay', 5, 3)
) as names(number, model, track, slot)
