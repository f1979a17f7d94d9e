-- One row per model: its name, its number, and where its weights are.
--
-- The three models with several touches credit the same touches, so they share a track, whose rows
-- have three weights, in slots 1 to 3. Every other model has a track of its own.
select number, model, track, slot
from (
    values
    (1, 'first_click', 1, 1), (2, 'first_optin', 2, 1), (3, 're_optin', 3, 1),
    (4, 'last_click', 4, 1),
    (5, 'linear', 5, 1), (6, 'position_based', 5, 2), (7, 'time_decay', 5, 3)
) as names (number, model, track, slot)
