"""A provider's request quota across machines: a sliding log in Postgres.

pyrate-limiter's `PostgresBucket` is not used: it reads the clock before it holds its lock, stores
stamps without a zone, so that machines with different session zones count separately, and raises on
contention instead of waiting. It also needs a second driver.
"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Event
from typing import TYPE_CHECKING

from feedback_assets.coordination.database import Coordination

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

_CREATE = """
select pg_advisory_xact_lock(hashtextextended('feedback_assets table', 0));
create table if not exists feedback_quota (name text not null, at timestamptz not null);
create index if not exists feedback_quota_name_at on feedback_quota (name, at);
"""

# One message, so one transaction and one round trip; the second statement sees the state once the
# lock is held, and uses the server's clock. A request is allowed once the one that many requests
# back has left the window.
_TAKE = """
select pg_advisory_xact_lock(hashtextextended('feedback_assets quota ' || %(name)s, 0));
with
moment as materialized (select clock_timestamp() as now),
waits as materialized (
    select coalesce(max(extract(epoch from reached.at - now) + seconds), 0)::float8 as wait
    from moment, unnest(%(counts)s::int[], %(windows)s::float8[]) as allowance (requests, seconds)
    cross join lateral (
        select at from feedback_quota
        where name = %(name)s order by at desc offset requests - 1 limit 1
    ) as reached
),
taken as (
    insert into feedback_quota (name, at)
    select %(name)s, now from moment, waits where wait <= 0
    returning at
),
-- Twice the window: a machine whose limit is set otherwise has a slightly longer one.
left_behind as (
    delete from feedback_quota
    using moment, taken
    where name = %(name)s and feedback_quota.at < now - 2 * make_interval(secs => %(longest)s)
)
select wait from waits
"""

_FORGET = """
select pg_advisory_xact_lock(hashtextextended('feedback_assets quota ' || %(name)s, 0));
delete from feedback_quota where name = %(name)s and at > clock_timestamp()
"""


def take(
    coordination: Coordination,
    name: str,
    rates: Sequence[tuple[int, float]],
    stop: Event | None = None,
) -> float:
    """Count one more request if allowed and return 0; otherwise the seconds until it may be.

    ``rates``: at most so many requests in so many seconds, all at once. Raises
    ``CoordinationUnavailable``. If the server goes away in between, a request may be counted twice,
    but never missed.
    """
    values = {
        "name": coordination.keyed(name),
        "counts": [count for count, _ in rates],
        "windows": [seconds for _, seconds in rates],
        "longest": max(seconds for _, seconds in rates),
    }

    def ask(connection: Connection) -> float:
        from psycopg2.errors import UndefinedTable

        with connection.cursor() as cursor:
            try:
                cursor.execute(_TAKE, values)
            except UndefinedTable:
                cursor.execute(_CREATE)
                cursor.execute(_TAKE, values)
            (wait,) = cursor.fetchone() or (0.0,)
        return max(float(wait), 0.0)

    return coordination.run(ask, stop)


def drop_future_stamps(coordination: Coordination, name: str) -> None:
    """Drop stamps in the future after the server's clock was turned back."""

    def drop(connection: Connection) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_FORGET, {"name": coordination.keyed(name)})

    coordination.run(drop)
