"""What Dagster is told of every table beside its columns: owner, age, code."""

from pathlib import Path

from feedback_assets.assets.specs import column_schema
from feedback_assets.tables import DERIVED_TABLES, PROVIDER_TABLES, find_table
from tests.conftest import Project


def test_every_table_has_an_owner_a_freshness_policy_and_code_that_is_there(
    project: Project,
) -> None:
    specs = {".".join(spec.key.path): spec for spec in project.defs.resolve_all_asset_specs()}
    for table in PROVIDER_TABLES + DERIVED_TABLES:
        spec = specs[table.full_name]
        assert spec.owners
        assert spec.freshness_policy is not None
        references = spec.metadata["dagster/code_references"].code_references
        assert len(references) == 2
        for reference in references:
            assert Path(reference.file_path).is_file(), reference.file_path


def test_the_fields_of_an_object_are_columns_of_their_own_on_the_table_s_page() -> None:
    shown = {
        column.name: column for column in column_schema(find_table("wicked_reports.orders")).columns
    }
    assert shown["attributions"].type == "struct"
    assert shown["payments"].type == "list of structs"
    touch = shown["attributions.first_click.source"]
    assert (touch.type, touch.description) == ("string", "utm_source of the touch")
    assert shown["contact.email"].tags == {"personal": "e-mail"}
