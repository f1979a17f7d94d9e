"""The names of one account's tables, jobs, resources and pools in Dagster.

An account without a prefix has the names of the declarations. With the prefix ``brand_a``, the
table ``marts.nps_daily`` is the asset ``brand_a/marts/nps_daily`` in the group ``brand_a_marts``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from feedback_assets.schema.table import Table


@dataclass(frozen=True)
class Names:
    """The prefix of asset keys and names, and that of asset groups; both may be empty."""

    prefix: str = ""
    group_prefix: str = ""

    def path(self, full_name: str) -> tuple[str, ...]:
        """The parts of the asset key of ``group.table``."""
        parts = tuple(full_name.split("."))
        return (self.prefix, *parts) if self.prefix else parts

    def key(self, table: Table) -> tuple[str, ...]:
        """The parts of the table's asset key."""
        return self.path(table.full_name)

    def owns(self, path: Sequence[str]) -> bool:
        """Whether an asset key with these parts belongs to the account."""
        return not self.prefix or tuple(path[:1]) == (self.prefix,)

    def table_name(self, path: Sequence[str]) -> str:
        """``group.table`` for an asset key of the account; for others, their parts with dots."""
        own = path[1:] if self.prefix and self.owns(path) else path
        return ".".join(own)

    @property
    def option(self) -> str:
        """The command-line option that chooses the account, with a leading space; may be empty."""
        return f" --account {self.prefix}" if self.prefix else ""

    def called(self, name: str) -> str:
        """The name of a job, op, schedule, sensor, resource or pool of the account."""
        return f"{self.prefix}_{name}" if self.prefix else name

    def titled(self, text: str) -> str:
        """The title of a message, with the account in front."""
        return f"{self.prefix}: {text}" if self.prefix else text

    def group(self, table: Table) -> str:
        """The asset group of the table."""
        return f"{self.group_prefix}_{table.group}" if self.group_prefix else table.group


NO_PREFIX = Names()
