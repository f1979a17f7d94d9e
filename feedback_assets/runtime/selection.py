"""Dagster's asset selection syntax, resolved outside the UI."""

from collections.abc import Collection

import dagster as dg
from dagster_shared.check import CheckError


def selected_assets(text: str, defs: dg.Definitions) -> Collection[dg.AssetKey]:
    """The assets that a selection names, such as ``+key:"marts/nps_by_channel"``.

    Raises ``ValueError`` with a reason where the text cannot be read, or asks for what the UI
    alone knows.
    """
    try:
        return dg.AssetSelection.from_string(text).resolve(defs.resolve_asset_graph())
    except (NotImplementedError, CheckError):  # status: and code_location:
        raise ValueError("can be selected by in the UI only") from None
    except (dg.DagsterError, KeyError) as error:
        raise ValueError(str(error)) from None
