-- sqlfluff:dialect:postgres
-- The newest thousand publications are kept.
delete from _publications
where published_at < (
    select published_at from _publications order by published_at desc limit 1 offset 999
)
