"""Everything that Dagster loads: the files below ``defs``."""

from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """The two accounts and the project's own asset."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
