"""docs/adding-a-provider.md, followed exactly: Delighted from its API to the marts.

The files of the page are written into a directory, registered by an entry point like an installed
package, and used by ``feedback-assets`` in separate processes."""

import base64
import csv
import io
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from tests.ingest.documents import ORDERS, documented

# Each command is a process of seconds.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "adding-a-provider.md"
KEY = "key-of-the-shop"
FIRST, LAST = "2024-05-01", "2024-05-03"
START = int(datetime(2024, 5, 1, tzinfo=UTC).timestamp())
HOURS = 3600
# The responses: one by the customer, one that names the order, one on another scale, a bad one.
ANA, NAMED, CSAT, BAD = 10, 12, 15, 18

Run = Callable[..., subprocess.CompletedProcess[str]]


def blocks() -> dict[str, str]:
    """The files of the page, by name."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.findall(r'^```\w+ title="([^"]+)"\n(.*?)^```', text, re.DOTALL | re.MULTILINE)
    return dict(found)


def response(number: int) -> dict[str, Any]:
    """A response as in the API reference, with its person; one every half an hour."""
    return {
        "id": str(5435 + number),
        "person": {
            "id": str(4945 + number),
            "name": None,
            "email": "Ana@Example.com" if number == ANA else f"guest{number}@example.com",
            "created_at": START - 1,
            "phone_number": None,
            "locale": None,
        },
        "survey_type": "csat" if number == CSAT else "nps",
        "score": 11 if number == BAD else number % 11,
        "comment": "Really enjoyed it." if number % 2 else None,
        "permalink": f"https://app.delighted.com/r/{number}",
        "created_at": START - 2 * HOURS + number * HOURS // 2,
        "updated_at": None,
        "person_properties": {"order_number": "AB-17"} if number == NAMED else {},
        "notes": [],
        "tags": [],
        "additional_answers": [],
    }


RESPONSES = [response(number) for number in range(150)]


def feedback_id(number: int) -> str:
    return f"delighted:{RESPONSES[number]['id']}"


def order() -> dict[str, Any]:
    """The documented order of Wicked Reports, placed by Ana at the start of the first day."""
    record = documented(ORDERS)
    record["sourceId"] = "AB-17"
    record["date"] = "2024-05-01T00:00:01.000Z"
    record["contact"]["email"] = "ana@example.com"
    return record


def bare_array(request: Request) -> Response:
    """Delighted's list: no envelope, no total; a page after the last is an empty array."""
    pair = f"Basic {base64.b64encode(f'{KEY}:'.encode()).decode()}"
    if request.headers.get("Authorization") != pair:
        return Response('{"status": 401, "message": "Unauthorized"}', 401)
    asked = request.args
    since, until = int(asked.get("since", 0)), int(asked.get("until", 2**40))
    rows = [row for row in RESPONSES if since <= row["created_at"] <= until]
    if asked.get("expand[]") != "person":
        rows = [{**row, "person": row["person"]["id"]} for row in rows]
    size, number = int(asked["per_page"]), int(asked["page"])
    return _json(rows[(number - 1) * size : number * size])


def _json(body: Any) -> Response:
    return Response(json.dumps(body), mimetype="application/json")


def wicked_reports(request: Request) -> Response:
    rows = [order()] if request.path == "/orders" else []
    return _json({"results": rows, "total": len(rows), "page": 1, "totalPages": 1})


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """The directory with the page's package, as if installed."""
    site = tmp_path / "site-packages"
    project = tomllib.loads(blocks()["pyproject.toml"])
    for name in project["tool"]["setuptools"]["packages"]:
        (site / name).mkdir(parents=True)
    for name, text in blocks().items():
        if name != "pyproject.toml":
            (site / name).write_text(text, encoding="utf-8")
    _register(site, project["project"]["name"], project["project"]["entry-points"])
    return site


def _register(site: Path, name: str, groups: dict[str, dict[str, str]]) -> None:
    info = site / f"{name.replace('-', '_')}-0.1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.1.0\n")
    lines = [
        line
        for group, entries in groups.items()
        for line in (f"[{group}]", *(f"{entry} = {value}" for entry, value in entries.items()))
    ]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


@pytest.fixture
def run(tmp_path: Path, httpserver: HTTPServer) -> Run:
    """Run ``feedback-assets`` with the package on its path, and both providers on loopback."""
    httpserver.expect_request("/v1/survey_responses.json").respond_with_handler(bare_array)
    httpserver.expect_request(re.compile("/(orders|contacts|clicks)")).respond_with_handler(
        wicked_reports
    )
    url = httpserver.url_for("").rstrip("/")
    environment = os.environ | {
        "PYTHONPATH": str(tmp_path / "site-packages"),
        "DAGSTER_HOME": str(tmp_path / "dagster_home"),
        "FEEDBACK_WAREHOUSE": str(tmp_path / "warehouse"),
        "WICKED_REPORTS_URL": url,
        "WICKED_REPORTS_API_KEY": "key-of-wicked-reports",
        "DELIGHTED_URL": url,
        "DELIGHTED_API_KEY": KEY,
    }

    def ran(*arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "feedback_assets.cli", *arguments]
        return subprocess.run(
            command, env=environment | given, capture_output=True, text=True, check=False
        )

    return ran


def rows(run: Run, sql: str) -> list[dict[str, str]]:
    answer = run("query", "--csv", sql)
    assert answer.returncode == 0, answer.stderr
    return list(csv.DictReader(io.StringIO(answer.stdout)))


def test_the_documented_provider_is_checked_read_and_matched_with_orders(
    package: Path, run: Run
) -> None:
    assert len(blocks()) == len(list(package.glob("feedback_delighted/*"))) + 1 == 5
    checked = run("check")
    assert "delighted: configured, reachable, authorised" in checked.stdout, checked
    filled = run("backfill", "--from", FIRST, "--to", LAST)
    assert filled.returncode == 0, filled.stdout + filled.stderr
    served = [row for row in RESPONSES if START <= row["created_at"] < START + 72 * HOURS]
    answers = rows(
        run,
        "select o.*, f.survey_ref from marts.order_feedback o join unified.feedback f "
        "using (feedback_id) where o.provider = 'delighted' order by o.responded_at",
    )
    # One of them has a score of 11 and is quarantined.
    assert len(served) == 144
    assert len(answers) == 143
    by_id = {answer["feedback_id"]: answer for answer in answers}
    matched = {id_: answer["match_method"] for id_, answer in by_id.items() if answer["order_id"]}
    assert matched == {feedback_id(ANA): "email", feedback_id(NAMED): "order_id"}
    assert {by_id[id_]["order_source_id"] for id_ in matched} == {"AB-17"}
    expected = {feedback_id(n): str(RESPONSES[n]["score"]) for n in (ANA, NAMED, 20, 31)}
    assert {id_: by_id[id_]["score"] for id_ in expected} == expected
    assert by_id[feedback_id(20)]["responded_at"].startswith("2024-05-01T08:00:00")
    # A score on another scale is not an NPS score.
    assert (by_id[feedback_id(CSAT)]["score"], by_id[feedback_id(CSAT)]["survey_ref"]) == (
        "",
        "csat",
    )
    (bad,) = rows(run, 'select * from quarantine."delighted.survey_responses"')
    assert "score" in bad["reason"]
    assert json.loads(bad["payload"])["id"] == RESPONSES[BAD]["id"]
    assert bad["day"] == "2024-05-01"
    (counted,) = rows(
        run, "select count(*) as n, max(extra) as extra from delighted.survey_responses"
    )
    assert counted["n"] == "143"
    assert set(json.loads(counted["extra"])) == {"additional_answers", "notes", "person", "tags"}
    nps = rows(run, "select sum(responses) as n from marts.nps_daily where provider = 'delighted'")
    assert nps == [{"n": "142"}]


def test_a_wrong_and_a_missing_key_are_reported_in_one_line_naming_the_variable(
    package: Path, run: Run
) -> None:
    wrong = run("check", DELIGHTED_API_KEY="wrong-and-secret")
    (line,) = [line for line in wrong.stdout.splitlines() if "delighted:" in line]
    assert "DELIGHTED_API_KEY" in line
    assert "wrong-and-secret" not in wrong.stdout + wrong.stderr
    assert wrong.returncode == 1
    missing = run("check", DELIGHTED_API_KEY="")
    (line,) = [line for line in missing.stdout.splitlines() if "delighted:" in line]
    assert "set DELIGHTED_API_KEY" in line
    refused = run("check", DELIGHTED_REQUESTS_PER_MINUTE="0")
    assert refused.returncode == 2
    assert refused.stderr.startswith("DELIGHTED_REQUESTS_PER_MINUTE='0': ")
    assert len(refused.stderr.splitlines()) == 1


def test_its_assets_resource_sensor_and_lineage_are_in_the_definitions(
    package: Path, run: Run, tmp_path: Path
) -> None:
    script = """
import dagster as dg
from feedback_assets.definitions import build_defs
from feedback_assets.settings import load_settings
from feedback_assets.tables import find_table
defs = build_defs(load_settings())
graph = defs.resolve_asset_graph()
key = dg.AssetKey(["delighted", "survey_responses"])
assert key in graph.get(dg.AssetKey(["unified", "feedback"])).parent_keys
sources = find_table("unified.feedback").column("customer_email").source
assert "delighted.survey_responses.person" in sources
assert "delighted" in defs.resources
assert "read_new_delighted" in [sensor.name for sensor in defs.sensors]
"""
    environment = os.environ | {
        "PYTHONPATH": str(package),
        "DELIGHTED_API_KEY": KEY,
        "DAGSTER_HOME": str(tmp_path / "home"),
    }
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_its_declared_lineage_matches_its_sql(package: Path) -> None:
    """Run the test for the answers of all providers, which includes installed ones."""
    tests = [str(ROOT / "tests" / "tables" / "test_answers.py"), "-k", "delighted"]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        env=os.environ | {"PYTHONPATH": str(package)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "3 passed" in done.stdout, done.stdout


def test_an_unusable_package_stops_every_command_with_one_line(tmp_path: Path, run: Run) -> None:
    site = tmp_path / "site-packages"
    _register(site, "broken", {"feedback_assets.providers": {"yelp": "no_such_module:PROVIDER"}})
    for command in (("check",), ("query", "select 1"), ("automation", "status")):
        done = run(*command)
        assert done.returncode == 2
        assert done.stderr == (
            "the provider yelp (no_such_module:PROVIDER of broken 0.1.0) cannot be used: "
            "ModuleNotFoundError: No module named 'no_such_module'. Correct or uninstall the "
            "package\n"
        )
