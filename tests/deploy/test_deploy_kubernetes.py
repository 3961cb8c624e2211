"""The chart is one that Helm takes, and what it renders is what Kubernetes takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import kubernetes_validate  # type: ignore[import-untyped]
import msgspec
import pytest
import yaml  # type: ignore[import-untyped] # for a file of several documents

from streamer.config.settings import Settings, unknown_variables
from support.rendered_chart import CHART, MANIFESTS, manifests, rendered

helm = pytest.importorskip(
    "helm_python", reason="a wheel of Helm is there for Linux on x86-64", exc_type=ImportError
)

#: The oldest that the chart is for, and the newest whose schemas we have.
VERSIONS: Final = ("1.27", "1.37")
#: Every switch of values.yaml, turned on.
EVERYTHING: Final[dict[str, Any]] = {
    "image": {"pullSecrets": ["mine"]},
    "secretSettings": ["auth_secret", "redis_url", "push_key", "ai_key"],
    "settings": {"STREAMER_DRAIN_SECONDS": "45", "STREAMER_ALLOWED_HOSTS": "live.example.com"},
    "data": {"claim": "videos"},
    "seccompProfile": {"type": "Localhost", "localhostProfile": "seccomp.json"},
    "server": {"nodeSelector": {"kind": "network"}, "tolerations": [{"operator": "Exists"}]},
    "worker": {"nodeSelector": {"kind": "cpu"}, "tolerations": [{"operator": "Exists"}]},
    "autoscaling": {"enabled": True},
    "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "live"},
    "networkPolicy": {"from": [{"podSelector": {}}]},
    "serviceMonitor": {"enabled": True},
}
VALUES: Final[dict[str, dict[str, Any]]] = {"by default": {}, "with everything": EVERYTHING}

in_both = pytest.mark.parametrize("values", VALUES.values(), ids=list(VALUES))


def documents(values: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """Each manifest by its kind and name."""
    found = list(yaml.safe_load_all(rendered(values)))
    assert all(found)
    return {(it["kind"], it["metadata"]["name"]): it for it in found}


def pods(values: dict[str, Any]) -> dict[str, Any]:
    """What the pods of servers and workers are."""
    return {
        name: it["spec"]["template"]["spec"]
        for (kind, name), it in documents(values).items()
        if kind == "Deployment"
    }


def test_helm_warns_of_nothing() -> None:
    messages = helm.lint(str(CHART), strict=True)["messages"]
    assert [it["error"] for it in messages] == ["icon is recommended"]


@in_both
@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_as_its_schema_has_it(values: dict[str, Any], version: str) -> None:
    found = documents(values)
    found.pop(("ServiceMonitor", "streamer"), None)  # of the operator of Prometheus
    assert len(found) >= 6
    for manifest in found.values():
        kubernetes_validate.validate(manifest, version, strict=True)


def test_a_field_that_kubernetes_has_not_would_be_seen() -> None:
    service = documents({})["Service", "streamer"]
    service["spec"]["ports"][0]["targetPrt"] = "http"
    with pytest.raises(kubernetes_validate.ValidationError, match="targetPrt"):
        kubernetes_validate.validate(service, VERSIONS[-1], strict=True)


def test_the_manifests_for_kubectl_are_those_of_the_chart() -> None:
    assert MANIFESTS.read_text(encoding="utf-8") == manifests(), "write them again: make docs"


def test_everything_that_can_be_switched_on_is() -> None:
    kinds = {kind for kind, _ in documents(EVERYTHING)}
    assert {"HorizontalPodAutoscaler", "Ingress", "ServiceMonitor"} <= kinds
    assert set(EVERYTHING) | {"secret"} == set(
        msgspec.yaml.decode((CHART / "values.yaml").read_bytes())
    )


@in_both
def test_pods_are_as_restricted_as_pod_security_asks(values: dict[str, Any]) -> None:
    for pod in pods(values).values():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"]["type"] in {"RuntimeDefault", "Localhost"}
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        kinds = {next(key for key in volume if key != "name") for volume in pod["volumes"]}
        assert kinds <= {"secret", "emptyDir", "persistentVolumeClaim"}


@in_both
def test_the_environment_of_pods_is_settings_that_can_be_used(
    values: dict[str, Any], tmp_path: Path
) -> None:
    secrets = {
        "auth_secret": "s" * 32,
        "redis_url": "redis://:p@redis.internal:6379",
        "push_key": "A" * 43,
        "ai_key": "k",
    }
    for name, pod in pods(values).items():
        environ = {it["name"]: it["value"] for it in pod["containers"][0]["env"]}
        assert unknown_variables(environ) == {}
        (mounted,) = [it["secret"]["items"] for it in pod["volumes"] if "secret" in it]
        for item in mounted:
            (tmp_path / item["path"]).write_text(secrets[item["key"]])
        (place,) = [
            it["mountPath"] for it in pod["containers"][0]["volumeMounts"] if it.get("readOnly")
        ]
        here = {key: text.replace(place, str(tmp_path)) for key, text in environ.items()}
        settings = Settings.from_env(here)
        assert settings.redis_url == secrets["redis_url"]
        assert (settings.auth_secret is None) == (name == "streamer-worker")
        assert pod["terminationGracePeriodSeconds"] >= settings.drain_seconds + 20


def test_a_probe_asks_what_its_answer_decides_under_a_name_that_is_always_allowed() -> None:
    (container,) = pods({})["streamer-server"]["containers"]
    probes = {it: container[it]["httpGet"] for it in container if it.endswith("Probe")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "livenessProbe": "/healthz",
        "startupProbe": "/healthz",
        "readinessProbe": "/readyz",
    }
    for probe in probes.values():
        assert probe["httpHeaders"] == [{"name": "Host", "value": "localhost"}]


@in_both
def test_what_selects_pods_finds_them(values: dict[str, Any]) -> None:
    found = documents(values)
    labels = {
        name: it["spec"]["template"]["metadata"]["labels"]
        for (kind, name), it in found.items()
        if kind == "Deployment"
    }
    server = labels["streamer-server"]
    assert found["Service", "streamer"]["spec"]["selector"] == server
    budget = found["PodDisruptionBudget", "streamer-server"]["spec"]["selector"]
    assert budget["matchLabels"] == server
    for name, expected in labels.items():
        policy = found["NetworkPolicy", name]["spec"]
        assert policy["podSelector"]["matchLabels"] == expected
    assert "ingress" not in found["NetworkPolicy", "streamer-worker"]["spec"]
