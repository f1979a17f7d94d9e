"""A function that the engines spell differently, as the SQL files call it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Function:
    """A function of the SQL files that the engines spell differently: its body for each.

    None where the engine has the function under this name.
    """

    name: str
    parameters: tuple[str, ...]
    duckdb: str
    spark: str | None

    @property
    def macro(self) -> str:
        """What defines the function in DuckDB."""
        return f"create macro {self.name}({', '.join(self.parameters)}) as {self.duckdb}"
