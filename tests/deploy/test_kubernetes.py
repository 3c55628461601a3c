import configparser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from crm_saas.kit.db import BATCHES_MAX, STREAMS_MAX
from crm_saas.kit.health import ROUTES
from crm_saas.running import GRACE_SECONDS
from deploy.environment import STORE_VARIABLES, known_variables

DEPLOY = Path(__file__).parents[2] / "deploy"
FOLDER = DEPLOY / "kubernetes"
# The oldest that its makers still mend, and the newest.
VERSIONS = ("1.34", "1.37")


def manifests() -> list[dict[str, Any]]:
    return [
        manifest
        for file in sorted(FOLDER.glob("*.yaml"))
        for manifest in yaml.safe_load_all(file.read_text())
    ]


def named(manifest: dict[str, Any]) -> str:
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


MANIFESTS = {named(manifest): manifest for manifest in manifests()}


def pods() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, manifest in MANIFESTS.items():
        if manifest["kind"] in {"Deployment", "Job"}:
            yield name, manifest["spec"]["template"]


def containers() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, pod in pods():
        for container in pod["spec"]["containers"]:
            yield name, container


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", MANIFESTS)
def test_manifest_is_valid(name: str, version: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], version, strict=True)


def test_kustomization_lists_every_manifest_but_the_example() -> None:
    listed = yaml.safe_load((DEPLOY / "kustomization.yaml").read_text())["resources"]
    files = {f"kubernetes/{file.name}" for file in FOLDER.glob("*.yaml")}
    assert set(listed) == files - {"kubernetes/secret.example.yaml"}


def test_pods_run_without_rights() -> None:
    for name, pod in pods():
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True, name
        assert pod["spec"]["automountServiceAccountToken"] is False, name
    for name, container in containers():
        context = container["securityContext"]
        assert context["readOnlyRootFilesystem"] is True, name
        assert context["allowPrivilegeEscalation"] is False, name
        assert context["capabilities"] == {"drop": ["ALL"]}, name
        assert {"requests", "limits"} <= container["resources"].keys(), name


def test_what_is_written_for_a_while_has_a_size() -> None:
    for name in ("Deployment/api", "Deployment/worker"):
        volumes = MANIFESTS[name]["spec"]["template"]["spec"]["volumes"]
        assert [v["emptyDir"]["sizeLimit"] for v in volumes if v["name"] == "tmp"] == ["8Gi"], name


def test_selectors_find_their_pods() -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in pods()}
    for name, manifest in MANIFESTS.items():
        selector = manifest["spec"].get("selector", {}) if "spec" in manifest else {}
        wanted = selector.get("matchLabels", selector)
        if wanted:
            assert any(wanted.items() <= found.items() for found in labels.values()), name


def test_probes_ask_routes_that_exist() -> None:
    paths = {path for route in ROUTES for path in route.paths}
    (_, api), *_ = [(n, c) for n, c in containers() if n == "Deployment/api"]
    assert api["startupProbe"]["httpGet"]["path"] in paths
    assert api["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    # A database that is away is no reason to restart.
    assert api["livenessProbe"]["httpGet"]["path"] == "/health/live"
    worker = dict(containers())["Deployment/worker"]
    assert worker["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert worker["livenessProbe"]["httpGet"]["path"] == "/health/live"


def test_a_pod_that_stops_has_the_time_to() -> None:
    drain = int(MANIFESTS["ConfigMap/crm-saas"]["data"]["CRM_DRAIN_SECONDS"])
    # The endpoints hear of it within seconds.
    assert drain >= 5
    pod = MANIFESTS["Deployment/api"]["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] > drain + GRACE_SECONDS


def test_pods_are_scraped_where_they_listen() -> None:
    for name in ("Deployment/api", "Deployment/worker"):
        pod = MANIFESTS[name]["spec"]["template"]
        annotations = pod["metadata"]["annotations"]
        assert annotations["prometheus.io/scrape"] == "true"
        (port,) = pod["spec"]["containers"][0]["ports"]
        assert annotations["prometheus.io/port"] == str(port["containerPort"])
        policy = MANIFESTS[f"NetworkPolicy/{name.rpartition('/')[2]}"]["spec"]
        open_to = {
            source["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"]
            for rule in policy["ingress"]
            for source in rule["from"]
            if {"protocol": "TCP", "port": port["containerPort"]} in rule["ports"]
        }
        assert "monitoring" in open_to
    (worker,) = MANIFESTS["Deployment/worker"]["spec"]["template"]["spec"]["containers"]
    assert {"name": "CRM_METRICS_PORT", "value": "9000"} in worker["env"]


def test_the_world_reaches_the_api_and_no_metrics() -> None:
    for rule in MANIFESTS["Ingress/crm-saas"]["spec"]["rules"]:
        assert [path["path"] for path in rule["http"]["paths"]] == ["/api"]


def test_variables_are_ones_that_settings_read() -> None:
    known = known_variables() | STORE_VARIABLES
    assert MANIFESTS["ConfigMap/crm-saas"]["data"].keys() <= known
    for name, manifest in MANIFESTS.items():
        if name.startswith("Secret/") and name != "Secret/pgbouncer":
            assert manifest["stringData"].keys() <= known, name


def test_the_owners_password_goes_to_the_migration_alone() -> None:
    given: dict[str, set[str]] = {}
    for name, container in containers():
        for source in container.get("envFrom", ()):
            if secret := source.get("secretRef"):
                given.setdefault(name, set()).update(
                    MANIFESTS[f"Secret/{secret['name']}"]["stringData"]
                )
    assert [name for name, variables in given.items() if "DATABASE_URL" in variables] == [
        "Job/migrate"
    ]
    urls = {name for name in given["Deployment/api"] if name.endswith("DATABASE_URL")}
    assert urls == {"CRM_APP_DATABASE_URL"}


def test_pgbouncer_has_more_connections_than_requests_can_hold() -> None:
    """Else requests that wait for a second connection could all wait for each other."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(DEPLOY / "pgbouncer.ini")
    pool = int(parser["pgbouncer"]["default_pool_size"])
    (_, api), *_ = [(n, c) for n, c in containers() if n == "Deployment/api"]
    workers = int(api["args"][api["args"].index("--workers") + 1])
    pods_max = MANIFESTS["HorizontalPodAutoscaler/api"]["spec"]["maxReplicas"]
    surge = MANIFESTS["Deployment/api"]["spec"]["strategy"]["rollingUpdate"]["maxSurge"]
    pool_size = int(MANIFESTS["ConfigMap/crm-saas"]["data"]["CRM_POOL_SIZE"])
    held = pool_size + BATCHES_MAX + STREAMS_MAX
    assert (pods_max + surge) * workers * held < pool
