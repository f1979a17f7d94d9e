"""Roles that may read the published marts, and nothing else in the schema."""

from collections.abc import Iterable

from feedback_assets.publish.names import table_name
from feedback_assets.publish.postgres.session import Session, transaction
from feedback_assets.publish.postgres.shape import literal, quoted
from feedback_assets.publish.postgres.target import (
    PUBLICATIONS,
    READERS,
    lock,
    prepare,
    read_state,
)
from feedback_assets.publish.trouble import PublishTrouble
from feedback_assets.schema.table import Table

_MARTS = "marts"


def grant_to(url: str, schema: str, tables: Iterable[Table], role: str, seconds: float) -> bool:
    """Let ``role`` read the marts, including later ones; returns whether it was created.

    A missing role is created without a login. Its privileges outside the schema are unchanged.
    """
    if role in ("", "public"):
        raise PublishTrouble(f"{role!r} is not a role that can be granted the marts. Name another.")
    with transaction(url, schema) as session:
        lock(session, schema, seconds)
        state = read_state(session)
        prepare(session, schema, state.tables)
        _refuse_more(session, role)
        created = not session.rows(f"select 1 from pg_roles where rolname = {literal(role)}")
        if created:
            _refuse_without_right(session, role)
            session.run(f"create role {quoted(role)} nologin")
        place = quoted(schema)
        session.run(
            f"revoke all on all tables in schema {place} from {quoted(role)}",
            f"grant usage on schema {place} to {quoted(role)}",
            f"grant select on {PUBLICATIONS} to {quoted(role)}",
            f"insert into {READERS} values ({literal(role)}) on conflict do nothing",
        )
        published = [table for table in tables if table_name(table) in state.partitions]
        grant_marts(session, published, [role])
        session.commit()
        return created


def _refuse_more(session: Session, role: str) -> None:
    """Refuse a role that can read more than the marts, whatever is granted here."""
    rows = session.rows(
        "select rolsuper or pg_has_role(oid, 'pg_read_all_data', 'member') or rolname = "
        f"current_user from pg_roles where rolname = {literal(role)}"
    )
    if rows and rows[0][0]:
        raise PublishTrouble(
            f"the role {role} can read every table already: it is the publisher's own, a "
            "superuser, or a member of pg_read_all_data. Name another role."
        )


def _refuse_without_right(session: Session, role: str) -> None:
    """Refuse to create a role if the publisher may not."""
    ((allowed,),) = session.rows(
        "select rolsuper or rolcreaterole from pg_roles where rolname = current_user"
    )
    if not allowed:
        raise PublishTrouble(
            f"the role {role} does not exist, and the publisher may not create it. Create it "
            "first, or give the publisher CREATEROLE."
        )


def grant_marts(session: Session, tables: Iterable[Table], roles: Iterable[str]) -> None:
    """Let the roles read the tables that are marts; a role that no longer exists is skipped."""
    marts = [table for table in tables if table.group == _MARTS]
    if not marts:
        return
    for role in roles:
        if not session.rows(f"select 1 from pg_roles where rolname = {literal(role)}"):
            continue
        for table in marts:
            session.run(f"grant select on {quoted(table_name(table))} to {quoted(role)}")
