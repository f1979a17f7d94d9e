-- sqlfluff:dialect:postgres
-- Replaces the records of the partitions in sent; a partition that was removed has no hash there.
delete from _partitions
using sent
where
    _partitions.table_name = sent.table_name
    and _partitions.day is not distinct from sent.day;

insert into _partitions
select
    table_name,
    day,
    content_hash,
    file_mark,
    row_count
from sent
where content_hash is not null;
