"""The effect of deploy/kubernetes: the launcher's config, a run's job, Kubernetes' schemas."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import kubernetes_validate
import yaml
from dagster._config import process_config, resolve_to_config_type
from dagster_k8s import K8sRunLauncher
from dagster_k8s.container_context import K8sContainerContext
from dagster_k8s.job import construct_dagster_k8s_job
from kubernetes.client import ApiClient

KUBERNETES = Path(__file__).parents[2] / "deploy" / "kubernetes"
VALUES = KUBERNETES / "values.yaml"
# The oldest supported version, and the newest that has a schema.
VERSIONS = ("1.34", "1.37")
RELEASE, NAMESPACE = "dagster", "feedback-assets"


def values() -> dict[str, Any]:
    """The parsed values."""
    found: dict[str, Any] = yaml.safe_load(VALUES.read_text())
    return found


def hold_to_kubernetes(item: dict[str, Any]) -> None:
    """Raise unless the object is valid for Kubernetes and has no unknown field."""
    for version in VERSIONS:
        kubernetes_validate.validate(item, version, strict=True)


def policies() -> list[dict[str, Any]]:
    """The network policies."""
    return list(yaml.safe_load_all((KUBERNETES / "network-policy.yaml").read_text()))


def selected(policy: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether a policy selects pods with these labels."""
    selector = policy["spec"]["podSelector"]
    return all(
        labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()
    ) and all(
        labels.get(each["key"]) in each["values"] for each in selector.get("matchExpressions", [])
    )


def launcher_config(held: dict[str, Any]) -> dict[str, Any]:
    """The config that the chart renders from ``runLauncher`` in ``dagster.yaml``."""
    given = held["runLauncher"]["config"]["k8sRunLauncher"]
    of_runs = given["runK8sConfig"]
    return {
        "load_incluster_config": given["loadInclusterConfig"],
        "job_namespace": NAMESPACE,
        "image_pull_policy": given["imagePullPolicy"],
        "service_account_name": held["serviceAccount"]["name"],
        "dagster_home": held["global"]["dagsterHome"],
        "instance_config_map": f"{RELEASE}-instance",
        "postgres_password_secret": held["global"]["postgresqlSecretName"],
        "security_context": given["securityContext"],
        "run_k8s_config": {
            "pod_spec_config": of_runs["podSpecConfig"],
            "job_spec_config": of_runs["jobSpecConfig"],
        },
    }


def code_context(held: dict[str, Any]) -> dict[str, Any]:
    """The container context that the chart gives the code server for the runs it launches."""
    users = held["dagster-user-deployments"]
    (code,) = users["deployments"]
    return {
        "k8s": {
            "image_pull_policy": code["image"]["pullPolicy"],
            "env_config_maps": [
                f"{RELEASE}-dagster-user-deployments-{code['name']}-user-env",
            ],
            "env_secrets": [secret["name"] for secret in code["envSecrets"]],
            "volume_mounts": code["volumeMounts"],
            "volumes": code["volumes"],
            "resources": code["resources"],
            "namespace": NAMESPACE,
            "service_account_name": users["serviceAccount"]["name"],
            "env": code["env"],
            "run_k8s_config": {"pod_spec_config": {"automount_service_account_token": True}},
        }
    }


def job_of_a_run(launcher: dict[str, Any], context: dict[str, Any], image: str) -> dict[str, Any]:
    """The job that Dagster creates for a run, as sent to Kubernetes."""
    kind = resolve_to_config_type(dg.Shape(K8sRunLauncher.config_type()))
    result = process_config(kind, launcher)
    assert result.success, result.errors
    # As the launcher does, but without connecting to a cluster.
    config = SimpleNamespace(**dict.fromkeys(K8sRunLauncher.config_type()) | result.value)
    origin = SimpleNamespace(repository_origin=SimpleNamespace(container_context=context))
    run: Any = SimpleNamespace(job_code_origin=origin, tags={})
    both = K8sContainerContext.create_for_run(run, config, include_run_tags=True)  # type: ignore[arg-type]
    made = construct_dagster_k8s_job(
        job_config=both.get_k8s_job_config(job_image=image, run_launcher=config),  # type: ignore[arg-type]
        args=["dagster", "api", "execute_run"],
        job_name="dagster-run-1",
        pod_name="dagster-run-1",
        component="run_worker",
        user_defined_k8s_config=both.run_k8s_config,
    )
    found: dict[str, Any] = ApiClient().sanitize_for_serialization(made)
    return found
