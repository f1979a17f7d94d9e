"""Writes the ``defs.yaml`` of an account for ``dg scaffold defs``."""

import re
from typing import Any

import dagster as dg
from pydantic import BaseModel, Field

from feedback_assets.providers.registry import REGISTRY

_CONTENT = """\
type: {type}

attributes:
  # Name of the account: the first part of its asset keys, the prefix of its jobs and variables.
  key_prefix: {prefix}
  # Fill in these two lines. The warehouse is a directory, relative to the project root, or a URI
  # such as s3://bucket/{prefix}; the start date is the first day to load, YYYY-MM-DD.
  warehouse:{warehouse}
  start_date:{start_date}

# Credentials are read from the environment, or from .env in the project root. Set those of the
# providers to load:
{credentials}
#
# Optional attributes:
#
#   providers: [{providers}]
#   # Settings of .env.example that are not secret.
#   settings:
#     FEEDBACK_REFRESH_AT: "06:00"
#   # Environment variables whose names differ from those above.
#   variables:
#     FEEDBACK_ALERT_URLS: ALERT_URLS
"""


class AccountParams(BaseModel):
    """The values that can be given when the file is written."""

    key_prefix: str | None = Field(
        default=None, description="Name of the account; by default the name of the folder."
    )
    warehouse: str | None = Field(default=None, description="Root of the account's Parquet tables.")
    start_date: str | None = Field(default=None, description="First day to load, YYYY-MM-DD.")


class AccountScaffolder(dg.Scaffolder[AccountParams]):
    """Writes the file; by default, the name of its folder is the account's prefix."""

    @classmethod
    def get_scaffold_params(cls) -> type[AccountParams]:
        """The parameters of the command."""
        return AccountParams

    def scaffold(self, request: dg.ScaffoldRequest[Any]) -> None:
        """Write ``defs.yaml``."""
        params: AccountParams = request.params
        folder = re.sub(r"\W+", "_", request.target_path.name).strip("_").lower()
        prefix = params.key_prefix or folder
        text = _CONTENT.format(
            type=request.type_name,
            prefix=prefix,
            warehouse=f" {params.warehouse}" if params.warehouse else "",
            start_date=f' "{params.start_date}"' if params.start_date else "",
            credentials="\n".join(
                f"#   {prefix.upper()}_{variable}"
                for provider in REGISTRY
                for variable in provider.needed_variables
            ),
            providers=", ".join(provider.name for provider in REGISTRY),
        )
        (request.target_path / "defs.yaml").write_text(text, encoding="utf-8")
