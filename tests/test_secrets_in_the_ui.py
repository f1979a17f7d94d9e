"""No credential is in any response of a real webserver: runs, logs, config, the instance."""

from functools import partial
from pathlib import Path

import pytest
import requests
import yaml

from feedback_assets.runtime.instance import open_instance
from feedback_assets.sandbox.server import Sandbox
from feedback_assets.tables import find_table
from tests.conftest import YESTERDAY, Project
from tests.leaks import files_of, leaks
from tests.servers.webserver import LAUNCH_RUN
from tests.service.test_ui import LOCATIONS, _one_day, webserver
from tests.test_secrets import LOG_ALL, SECRETS

pytestmark = pytest.mark.slow
RUNS = """
{ runsOrError { ... on Runs { results {
    runId status runConfigYaml tags { key value } eventConnection(limit: 1000) { events {
        __typename ... on MessageEvent { message }
        ... on ExecutionStepFailureEvent { error {
            message stack className cause { message stack } errorChain { error { message stack } }
        }
            failureMetadata { description metadataEntries { label description
                ... on TextMetadataEntry { text } } } }
        ... on LogsCapturedEvent { fileKey }
    } }
} } } }
"""
INSTANCE = """
{ instance { info runLauncher { name } daemonHealth { id } concurrencyLimits { concurrencyKey } }
  version }
"""
RESOURCES = """
query ($name: String!, $location: String!) { allTopLevelResourceDetailsOrError(
    repositorySelector: { repositoryName: $name, repositoryLocationName: $location }) {
  __typename ... on ResourceDetailsList { results {
    name configFields { name defaultValueAsJson } configuredValues { key value type }
  } } ... on PythonError { message } } }
"""
VARIABLES = """
query ($name: String!, $location: String!) { utilizedEnvVarsOrError(
    repositorySelector: { repositoryName: $name, repositoryLocationName: $location }) {
  __typename ... on EnvVarWithConsumersList { results { envVarName envVarConsumers { name } } } } }
"""
LOGS = """
query ($key: [String!]!) { capturedLogs(logKey: $key) { stdout stderr } }
"""


def test_the_ui_shows_no_credential_of_successful_and_failed_runs(
    shop: Project, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = [v for name, v in sandbox.environment().items() if name in SECRETS]
    wrong = "wrong/7+f&=%'<9>"
    monkeypatch.setenv("FEEDBACK_ALERT_URLS", SECRETS["FEEDBACK_ALERT_URLS"])
    monkeypatch.setenv("FEEDBACK_CUSTOMER_SECRET", SECRETS["FEEDBACK_CUSTOMER_SECRET"])
    monkeypatch.setenv("RETARGETING_REST_KEY", wrong)
    home = shop.settings.dagster_home
    home.mkdir(parents=True)
    (home / "dagster.yaml").write_text(yaml.safe_dump(LOG_ALL))
    open_instance(shop.settings).dispose()
    responses: list[tuple[str, bytes]] = []
    with webserver("dagster", tmp_path) as served:
        repository = served.ask(LOCATIONS)["repositoriesOrError"]["nodes"][0]
        where = {"name": repository["name"], "location": repository["location"]["name"]}
        runs = {}
        for name in ("thanx.feedbacks", "unified.feedback", "retargeting.order_feedback"):
            params = _one_day(where["location"], find_table(name), YESTERDAY)
            run = served.ask(LAUNCH_RUN, params=params)["launchPipelineExecution"]["run"]["runId"]
            runs[name] = served.wait_until(partial(served.run_status, run), 180)
        assert runs["thanx.feedbacks"] == "SUCCESS"
        assert runs["retargeting.order_feedback"] == "FAILURE"
        for query, values in (
            (RUNS, {}), (INSTANCE, {}), (RESOURCES, where), (VARIABLES, where),
        ):  # fmt: skip
            responses.append(
                (query.split("{")[1].strip(), repr(served.ask(query, **values)).encode())
            )
        for path in sorted(home.rglob("compute_logs/*")):
            key = [path.parent.parent.name, "compute_logs", path.stem]
            responses.append((path.stem, repr(served.ask(LOGS, key=key)).encode()))
        responses += [
            (path, requests.get(served.url + path, timeout=60).content)
            for path in ("/", "/server_info", "/runs", "/deployment/config", "/locations")
        ]
    everything = b"".join(content for _, content in responses)
    # The searched text is the right one: it has the failure and the names of the variables.
    assert b"RETARGETING_REST_KEY" in everything
    assert b"retargeting GET /" in everything
    assert any("compute_logs" in str(path) for path in home.rglob("*"))
    wanted = [*secrets, wrong, SECRETS["FEEDBACK_CUSTOMER_SECRET"], "alert/passw0rd"]
    places = [*responses, *files_of(home, Path(shop.settings.warehouse)),
              ("ui.log", (tmp_path / "ui.log").read_bytes())]  # fmt: skip
    assert leaks(wanted, places) == []
