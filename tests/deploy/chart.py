"""Dagster's chart with the values of deploy/kubernetes: ``python -m tests.deploy.chart CHART.tgz``.

Validates the chart against its own schema, renders it with Helm's library (``pip install
helm-python-sdk``), and validates every object against Kubernetes' schemas, and the instance and the
run launcher against Dagster's. Chart and library are not part of the project, so this is not a
test: run it when the values or Dagster change."""

import json
import re
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml
from dagster._core.instance.ref import InstanceRef

from tests.deploy.kubernetes import (
    NAMESPACE,
    RELEASE,
    VERSIONS,
    code_context,
    hold_to_kubernetes,
    job_of_a_run,
    launcher_config,
    policies,
    selected,
    values,
)

# The chart's schemas fetch Kubernetes' definitions on every use; these are local copies.
_FETCHED = re.compile(r'"https://[^"#]+/_definitions\.json#/definitions/')
_DEFINITIONS = (
    Path(kubernetes_validate.__file__).parent
    / f"kubernetes-json-schema/v{VERSIONS[0]}.0-local/_definitions.json"
)


def render(chart: str) -> tuple[str, list[dict[str, Any]]]:
    """The chart's version, and the objects rendered from the values."""
    import helm_python  # type: ignore[import-not-found, unused-ignore]

    with tempfile.TemporaryDirectory() as name, tarfile.open(chart) as packed:
        packed.extractall(name, filter="data")
        for schema in Path(name).rglob("values.schema.json"):
            local = _FETCHED.sub(f'"{_DEFINITIONS.as_uri()}#/$defs/', schema.read_text())
            schema.write_text(local)
        return _render(helm_python.Chart.load(f"{name}/dagster"), values())


def _render(chart: Any, held: dict[str, Any]) -> tuple[str, list[dict[str, Any]]]:
    with chart as loaded:
        loaded.validate_schema(loaded.merge_values(held))
        files = loaded.render(held, name=RELEASE, namespace=NAMESPACE)
        version = loaded.version
    texts = [text for name, text in files.items() if name.endswith(".yaml")]
    made = [item for text in texts for item in yaml.safe_load_all(text)]
    return version, [item for item in made if item]


def main(chart: str) -> None:
    version, objects = render(chart)
    named = {(item["kind"], item["metadata"]["name"]): item for item in objects}
    for kind, name in sorted(named):
        try:
            hold_to_kubernetes(named[kind, name])
        except kubernetes_validate.SchemaNotFoundError:
            print(f"{kind} {name}: not Kubernetes' own, and held to nothing")
        else:
            print(f"{kind} {name}: well formed")
    config = named["ConfigMap", f"{RELEASE}-instance"]["data"]["dagster.yaml"]
    with tempfile.TemporaryDirectory() as home:
        (Path(home) / "dagster.yaml").write_text(config)
        InstanceRef.from_dir(home)
    launcher = yaml.safe_load(config)["run_launcher"]["config"]
    # The chart must behave as tests/deploy/test_kubernetes.py assumes.
    assert launcher == launcher_config(values()), launcher
    pods = {
        name: item["spec"]["template"]
        for (kind, name), item in named.items()
        if kind == "Deployment"
    }
    (code,) = (
        container
        for pod in pods.values()
        for container in pod["spec"]["containers"]
        if container.get("args", [])[1:3] == ["api", "grpc"]
    )
    said = {variable["name"]: variable.get("value") for variable in code["env"]}
    context = json.loads(said["DAGSTER_CLI_API_GRPC_CONTAINER_CONTEXT"])
    assert context == code_context(values()), context
    run = job_of_a_run(launcher, context, code["image"])
    hold_to_kubernetes(run)
    labels = [pod["metadata"]["labels"] for pod in (*pods.values(), run["spec"]["template"])]
    assert all(sum(selected(policy, each) for policy in policies()) == 1 for each in labels), labels
    print(f"chart {version}: Dagster takes the instance, and the job of a run is well formed")


if __name__ == "__main__":
    main(*sys.argv[1:])
