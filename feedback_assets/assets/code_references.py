"""Links from an asset to its source files, local or in the configured repository."""

from collections.abc import Sequence
from pathlib import Path

import dagster as dg

from feedback_assets.publish.names import ASSET_GROUP
from feedback_assets.schema.table import Table
from feedback_assets.settings import Settings
from feedback_assets.tables import FILE_TABLES, PROVIDER_TABLES, REPORT_PAGES

_PACKAGE = Path(__file__).resolve().parents[1]


def code_references(table: Table) -> dg.CodeReferencesMetadataValue:
    """The table's declaration, and the query or reader that fills it."""
    return dg.CodeReferencesMetadataValue(
        code_references=[
            dg.LocalFileCodeReference(file_path=str(_PACKAGE / path), label=label)
            for label, path in _sources(table).items()
        ]
    )


def linked_to_repository(
    assets: Sequence[dg.AssetsDefinition], settings: Settings
) -> Sequence[dg.AssetsDefinition]:
    """The assets, linked to ``FEEDBACK_REPOSITORY_URL`` if it is set."""
    if settings.feedback_repository_url is None:
        return assets
    linked = dg.link_code_references_to_git(
        assets,
        git_url=settings.feedback_repository_url,
        git_branch=settings.feedback_repository_branch,
        file_path_mapping=dg.AnchorBasedFilePathMapping(
            local_file_anchor=_PACKAGE / "__init__.py",
            file_anchor_path_in_repository=f"{_PACKAGE.name}/__init__.py",
        ),
    )
    return [asset for asset in linked if isinstance(asset, dg.AssetsDefinition)]


def _sources(table: Table) -> dict[str, str]:
    if table in REPORT_PAGES:
        return {"figures": "reports/figures.py", "template": f"reports/page/{table.name}.html"}
    if table.group == ASSET_GROUP:
        return {"publisher": f"publish/{table.name}/publisher.py"}
    if table in PROVIDER_TABLES:
        return {
            "declaration": f"providers/{table.group}/tables.py",
            "reading": "ingest/sources.py",
        }
    if table in FILE_TABLES:
        return {"declaration": f"tables/{table.group}.py", "reading": f"{table.group}/rows.py"}
    of_one = f"tables/{table.group}/{table.name}.py"
    declared = of_one if (_PACKAGE / of_one).is_file() else f"tables/{table.group}.py"
    return {"declaration": declared, "query": f"transforms/sql/{table.group}/{table.name}.sql"}
