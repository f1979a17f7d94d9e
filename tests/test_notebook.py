"""The notebook in ``examples/`` runs on a backfill's output, and its results are correct."""

import json
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from feedback_assets import settings
from feedback_assets.query.run import run_query
from feedback_assets.sandbox.faults import Faults
from feedback_assets.sandbox.server import running_sandbox
from feedback_assets.warehouse.warehouse import Warehouse
from tests.conftest import YESTERDAY, Project, configure

NOTEBOOK = Path(__file__).parents[1] / "examples" / "analysis.ipynb"
FIRST = YESTERDAY - timedelta(days=41)
# The variables that the tests read from the kernel after every cell has run.
_FIGURES = """
import json

print(json.dumps({
    "by_month": by_month.to_dict("index"),
    "before_after": before_after.to_dict("index"),
    "campaign": campaign,
    "changed_on": str(changed_on.date()),
    "end": str(end),
    "predictors": predictors.to_dict("index"),
    "answers": model.nobs,
    "promoters": model.predict().sum(),
}))
"""
_COHORTS = """
    with placed as (
        select
            o.order_id, o.contact_id, o.ordered_at,
            row_number() over (partition by o.contact_id order by o.ordered_at, o.order_id) as place
        from unified.orders as o
        where o.contact_id in (select id from wicked_reports.contacts)
    )
    select
        strftime(one.ordered_at at time zone 'UTC', '%Y-%m') as month,
        count(*)::double as customers,
        count(*) filter (one.ordered_at + interval 14 days <= '{end}'::timestamptz)::double
            as observed,
        count(*) filter (
            one.ordered_at + interval 14 days <= '{end}'::timestamptz
            and two.ordered_at <= one.ordered_at + interval 14 days
        )::double as returned
    from placed as one
    left join placed as two on two.contact_id = one.contact_id and two.place = 2
    where one.place = 1
    group by 1
"""
_BEFORE_AFTER = """
    select
        ordered_at >= '{changed_on} 00:00:00+00'::timestamptz as after,
        count(*)::double as answers,
        100.0 * (
            count(*) filter (nps_class = 'promoter') - count(*) filter (nps_class = 'detractor')
        ) / count(*) as nps
    from marts.order_feedback
    where
        score is not null and not is_spam and last_click_campaign = '{campaign}'
        and days_to_response between 0 and 14
        and ordered_at + interval 14 days <= '{end}'::timestamptz
    group by 1
    order by 1
"""
_PROMOTERS = """
    select
        count(*)::double as answers,
        count(*) filter (nps_class = 'promoter')::double as promoters
    from marts.order_feedback
    where score is not null and not is_spam and order_id is not null
"""


def test_the_notebook_is_stored_without_outputs() -> None:
    for cell in nbformat.read(NOTEBOOK, as_version=4).cells:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.fixture(scope="module")
def executed(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[NotebookNode, dict[str, Any], Warehouse]]:
    """The notebook after a run on six weeks of a shop of 1,500 customers, as its figures."""
    home = tmp_path_factory.mktemp("notebook")
    with pytest.MonkeyPatch.context() as patch:
        for name in settings.variables():
            patch.delenv(name, raising=False)
        patch.setattr(settings, "PROJECT_ROOT", home)
        patch.setenv("DAGSTER_HOME", str(home / "dagster_home"))
        patch.setenv("FEEDBACK_WAREHOUSE", str(home / "warehouse"))
        patch.setenv("DAGSTER_DISABLE_TELEMETRY", "yes")
        patch.setenv("IPYTHONDIR", str(home / "ipython"))
        patch.setenv("JUPYTER_RUNTIME_DIR", str(home / "jupyter"))
        project = Project(home)
        with running_sandbox(
            seed=7, days=60, customers=1500, faults=Faults(quotas=False)
        ) as sandbox:
            configure(patch, sandbox)
            done = project.backfill(
                FIRST, YESTERDAY, "--select", '+key:"marts/order_feedback" or group:unified or '
                'key:"wicked_reports/contacts"',
            )  # fmt: skip
            assert done.exit_code == 0, done.output
        notebook = nbformat.read(NOTEBOOK, as_version=4)
        notebook.cells.append(new_code_cell(_FIGURES))
        client = NotebookClient(notebook, timeout=600, kernel_name="python3", env=dict(os.environ))
        client.execute()
        figures = json.loads(notebook.cells.pop().outputs[0].text)
        yield notebook, figures, project.warehouse


def _rows(sql: str, warehouse: Warehouse, figures: dict[str, Any]) -> list[dict[str, Any]]:
    return run_query(sql.format(**figures), warehouse).to_pylist()


@pytest.mark.slow
def test_the_notebook_shows_each_result_and_no_cell_fails(
    executed: tuple[NotebookNode, dict[str, Any], Warehouse],
) -> None:
    notebook, figures, _ = executed
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    complaints = [output.text for output in outputs if output.get("name") == "stderr"]
    assert not [text for text in complaints if "IPKernelApp" not in text]
    shown = "\n".join(output.data["text/plain"] for output in outputs if "data" in output)
    for name in ("repeat_rate", "difference", "odds_ratio", figures["campaign"]):
        assert name in shown


@pytest.mark.slow
def test_its_cohorts_match_sql(
    executed: tuple[NotebookNode, dict[str, Any], Warehouse],
) -> None:
    _, figures, warehouse = executed
    months = _rows(_COHORTS, warehouse, figures)
    assert sum(month["returned"] for month in months) > 0
    for month in months:
        own = figures["by_month"][month.pop("month")]
        assert {name: own[name] for name in month} == month
        assert month["observed"] == 0 or own["repeat_low"] <= own["repeat_rate"]


@pytest.mark.slow
def test_its_campaign_before_and_after_matches_sql(
    executed: tuple[NotebookNode, dict[str, Any], Warehouse],
) -> None:
    _, figures, warehouse = executed
    before, after = _rows(_BEFORE_AFTER, warehouse, figures)
    own = figures["before_after"][figures["campaign"]]
    assert (own["answers_before"], own["answers_after"]) == (before["answers"], after["answers"])
    assert own["difference"] == pytest.approx(after["nps"] - before["nps"])
    assert own["low"] < own["high"]
    others = figures["before_after"]["all others"]
    beyond = figures["before_after"]["beyond the others"]
    assert beyond["difference"] == pytest.approx(own["difference"] - others["difference"])
    # The difference of two uncertain figures is less certain than either.
    assert beyond["high"] - beyond["low"] > own["high"] - own["low"]


@pytest.mark.slow
def test_its_regression_fits_the_promoters_and_recovers_the_generated_effects(
    executed: tuple[NotebookNode, dict[str, Any], Warehouse],
) -> None:
    _, figures, warehouse = executed
    (held,) = _rows(_PROMOTERS, warehouse, figures)
    assert figures["answers"] == held["answers"] > 300
    # The likelihood is largest where the expected and the actual number of promoters agree.
    assert figures["promoters"] == pytest.approx(held["promoters"], rel=1e-6)
    odds = {
        name.split(" (")[0].removeprefix("medium: "): row["odds_ratio"]
        for name, row in figures["predictors"].items()
        if name.startswith("medium: ")
    }
    # The reference group has no row: its odds are 1.
    assert odds.get("email", 1.0) > odds.get("paid_social", 1.0)
