"""How many requests a provider allows, over all machines: a sliding log in Postgres.

pyrate-limiter's `PostgresBucket` is not used: it stamps by a clock that it asks for before it has
its lock, keeps the stamps without a zone, so that machines whose sessions differ in their zone
count apart, and refuses whoever meets another instead of letting him wait. It also needs a second
driver.
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

# One message, so one transaction and one round trip; the second statement sees what is there once
# the lock is held, and its clock is the server's. There is room once the request that lies as many
# back as are allowed has left the window.
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
    """Count one more request where that is allowed: 0; else seconds until it may be.

    ``rates``: at most so many requests in so many seconds, all of them at once. Raises
    ``CoordinationUnavailable``. Where the server goes away in between, a request may be counted
    twice, never not at all.
    """
    values = {
        "name": name,
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


def forget_the_future(coordination: Coordination, name: str) -> None:
    """Drop what lies in the future since the server's clock was turned back."""

    def drop(connection: Connection) -> None:
        with connection.cursor() as cursor:
            cursor.execute(_FORGET, {"name": name})

    coordination.run(drop)
