"""A function of the SQL files that differs between the engines."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Function:
    """A function of the SQL files that differs between the engines: its body for each.

    None if the engine has the function under this name.
    """

    name: str
    parameters: tuple[str, ...]
    duckdb: str
    spark: str | None

    @property
    def macro(self) -> str:
        """The statement that defines the function in DuckDB."""
        return f"create macro {self.name}({', '.join(self.parameters)}) as {self.duckdb}"
