"""Removes what Postgres keeps of deleted rows, for an erasure: dead rows, and sampled values."""

import time
from collections import defaultdict
from collections.abc import Collection

from feedback_assets.publish.postgres.session import Session, outside_transactions
from feedback_assets.publish.postgres.shape import quoted
from feedback_assets.publish.trouble import PublishTrouble
from feedback_assets.transforms.sql_files import sql_file

_PACKAGE = "feedback_assets.publish.postgres"
# Defaults of the role or the server must not end a long VACUUM, nor let it wait forever.
_SESSION = (
    "set statement_timeout = 0",
    "set lock_timeout = '60s'",
)
# Short queries of readers end meanwhile.
_PAUSES = (0.2, 1.0, 4.0)


def purge(url: str, schema: str, names: Collection[str]) -> None:
    """Remove the dead rows of these tables, and what their statistics have sampled.

    Raises ``PublishTrouble`` if dead rows remain, because a transaction may still see them.
    """
    with outside_transactions(url) as session:
        session.run(*_SESSION, f"set search_path = {quoted(schema)}")
        _require_counts(session)
        for name in names:
            # Before VACUUM, whose count of dead rows is exact: that of ANALYZE is an estimate.
            session.run(f"analyze {quoted(name)}")
        _forget_samples_of_empty(session, names)
        left = _vacuumed(session, names)
        for seconds in _PAUSES:
            if not left:
                break
            time.sleep(seconds)
            left = _vacuumed(session, left)
        if left:
            raise PublishTrouble(
                f"the Postgres at {session.address} is up to date, but still keeps deleted rows of "
                f"{', '.join(left)}, because of {_holders(session)}. What to do: end that "
                "transaction or drop that slot, then publish again.",
                transient=True,
            )
        if _owns_database(session):
            # Replaced samples; only the owner of the database may do this.
            session.run("vacuum pg_catalog.pg_statistic")


def _forget_samples_of_empty(session: Session, names: Collection[str]) -> None:
    """Remove the statistics of tables that are now empty, which ANALYZE leaves as they are."""
    columns: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for name, column, kind in session.rows(sql_file(_PACKAGE, "sampled")):
        columns[name].append((column, kind))
    for name in columns.keys() & set(names):
        if session.rows(f"select 1 from {quoted(name)} limit 1"):
            continue
        # A column whose type is set, even to the same one, loses its statistics.
        clauses = [f"alter column {quoted(column)} type {kind}" for column, kind in columns[name]]
        session.run(f"alter table {quoted(name)} {', '.join(clauses)}")


def _vacuumed(session: Session, names: Collection[str]) -> list[str]:
    """Vacuum the tables; returns those with dead rows that may still be seen."""
    for name in names:
        # By default, the entries of a few dead rows stay in the indexes.
        session.run(f"vacuum (index_cleanup on) {quoted(name)}")
    counts: dict[str, int] = dict(session.rows(sql_file(_PACKAGE, "dead_rows")))
    return [name for name in names if counts.get(name)]


def _holders(session: Session) -> str:
    found = [name for (name,) in session.rows(sql_file(_PACKAGE, "holders"))]
    return ", ".join(found) or "a query that is reading them"


def _require_counts(session: Session) -> None:
    if session.rows("select current_setting('track_counts')") != [("on",)]:
        raise PublishTrouble(
            f"the Postgres at {session.address} is up to date, but does not count dead rows, so it "
            "may still keep deleted ones. What to do: set track_counts to on, then publish again."
        )


def _owns_database(session: Session) -> bool:
    owner = "select pg_has_role(datdba, 'usage') from pg_database where datname ="
    ((owns,),) = session.rows(f"{owner} current_database()")
    return bool(owns)
