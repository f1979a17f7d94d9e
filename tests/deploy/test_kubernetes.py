"""The values of Dagster's chart and the extra objects, as far as testable without a cluster."""

import re
from importlib.metadata import version
from typing import Any

import pytest
import yaml

from feedback_assets.providers.registry import REGISTRY
from feedback_assets.settings import secret_variables, variables
from tests.deploy.image import ROOT, environment, instructions
from tests.deploy.kubernetes import (
    KUBERNETES,
    VALUES,
    code_context,
    job_of_a_run,
    launcher_config,
    policies,
    selected,
    validate_for_kubernetes,
    values,
)
from tests.test_packages import pins

SETTINGS = variables()
SECRETS = list(yaml.safe_load_all((KUBERNETES / "secrets.example.yaml").read_text()))
HELD = values()
(CODE,) = HELD["dagster-user-deployments"]["deployments"]
RUN = job_of_a_run(launcher_config(HELD), code_context(HELD), "feedback-assets:0")
POD = RUN["spec"]["template"]["spec"]


@pytest.mark.parametrize(
    "item", [*SECRETS, *policies(), RUN], ids=lambda item: item["metadata"]["name"]
)
def test_kubernetes_accepts_each_object(item: dict[str, Any]) -> None:
    validate_for_kubernetes(item)


def test_the_named_chart_matches_the_pinned_dagster() -> None:
    ((pinned, _),) = pins("constraints-image.txt")["dagster"]
    for path in (VALUES, KUBERNETES / "README.md"):
        named = re.findall(r"(?:version|--version) (\d+\.\d+\.\d+)", path.read_text())
        assert named, path.name
        assert set(named) == {str(pinned)}, path.name
    assert version("dagster") == str(pinned)
    assert version("dagster-k8s").split(".")[-1] == str(pinned).split(".")[-1]


def test_every_variable_is_a_setting_and_the_secret_has_every_secret_setting() -> None:
    providers = SECRETS[1]["stringData"]
    plain = {each["name"] for each in CODE["env"]}
    assert plain - SETTINGS == {"AWS_REGION"}  # s3fs reads it
    assert set(providers) <= SETTINGS
    secret = secret_variables()
    assert not plain & secret
    needed = {name for provider in REGISTRY for name in provider.needed_variables}
    assert set(providers) >= secret | needed
    assert {value for each in SECRETS for value in each["stringData"].values()} == {""}


def test_a_run_gets_the_existing_secrets_and_its_own_bucket_key() -> None:
    names = {each["metadata"]["name"] for each in SECRETS}
    (container,) = POD["containers"]
    asked = {each["secretRef"]["name"] for each in container["envFrom"] if "secretRef" in each}
    (password,) = [
        each["valueFrom"]["secretKeyRef"] for each in container["env"] if "valueFrom" in each
    ]
    assert asked | {password["name"]} == names
    assert password["key"] in SECRETS[0]["stringData"]
    code = HELD["dagster-user-deployments"]["serviceAccount"]
    assert POD["serviceAccountName"] == code["name"] != HELD["serviceAccount"]["name"]
    assert list(code["annotations"]) == ["eks.amazonaws.com/role-arn"]
    assert "annotations" not in HELD["serviceAccount"]


def test_every_pod_runs_as_the_image_user_and_writes_to_its_directories() -> None:
    user, group = map(int, instructions("USER")[-1].split(":"))
    written = {environment()["DAGSTER_HOME"], environment()["TMPDIR"]}
    assert HELD["global"]["dagsterHome"] == environment()["DAGSTER_HOME"]
    for part in (CODE, HELD["dagsterWebserver"], HELD["dagsterDaemon"]):
        assert part["image"] == CODE["image"]
        assert part["podSecurityContext"]["runAsUser"] == user
        assert part["podSecurityContext"]["fsGroup"] == group
        assert part["securityContext"]["readOnlyRootFilesystem"] is True
        assert {mount["mountPath"] for mount in part["volumeMounts"]} == written
        assert "memory" in part["resources"]["limits"]
    (container,) = POD["containers"]
    assert POD["securityContext"]["runAsUser"] == user
    assert container["securityContext"]["allowPrivilegeEscalation"] is False
    assert {mount["mountPath"] for mount in container["volumeMounts"]} == written
    assert container["resources"] == CODE["resources"]


def test_ports_and_modules_match_the_compose_file() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose" / "compose.yaml").read_text())["services"]
    assert str(CODE["port"]) in compose["code"]["command"]
    assert CODE["dagsterApiGrpcArgs"] == compose["code"]["command"][-2:]
    web = HELD["dagsterWebserver"]
    assert web["readinessProbe"]["httpGet"]["port"] == web["service"]["port"]
    opened = {
        rule["ports"][0]["port"]
        for policy in policies()
        for rule in policy["spec"].get("ingress", [])
    }
    assert opened == {CODE["port"], web["service"]["port"]}


def test_both_use_the_same_postgres_driver() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose" / "dagster.yaml").read_text())
    assert (
        HELD["postgresql"]["postgresqlScheme"]
        == (compose["storage"]["postgres"]["postgres_db"]["scheme"])
    )


def test_runs_accept_no_connections() -> None:
    (policy,) = [
        each for each in policies() if selected(each, RUN["spec"]["template"]["metadata"]["labels"])
    ]
    assert policy["spec"].get("ingress", []) == []


def test_runs_are_watched_retried_and_limited_as_on_one_machine() -> None:
    machine = yaml.safe_load((ROOT / "dagster_home" / "dagster.yaml").read_text())

    def snake(found: Any) -> Any:
        if not isinstance(found, dict):
            return found
        return {
            re.sub(r"(?<!^)([A-Z])", r"_\1", key).lower(): snake(value)
            for key, value in found.items()
        }

    assert snake(HELD["dagsterDaemon"]["runMonitoring"]) == machine["run_monitoring"]
    assert snake(HELD["dagsterDaemon"]["runRetries"]) == machine["run_retries"]
    assert snake(HELD["concurrency"]) == {"enabled": True, **machine["concurrency"]}
    assert snake(HELD["retention"]) == {"enabled": True, **machine["retention"]}
    queue = HELD["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    assert snake(queue).items() <= machine["run_queue"].items()
    assert HELD["telemetry"] == machine["telemetry"]
