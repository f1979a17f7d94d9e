-- One row per slot of a track: the model whose weights it has.
--
-- All channels together have the same customers in every model, and count once, as model 0.
select number as model, track, slot
from parts.models
union all
select 0 as model, 0 as track, 1 as slot
