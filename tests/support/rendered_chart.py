"""The chart of deploy/helm, rendered by Helm itself; ``make docs`` writes it for kubectl."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

_DEPLOY: Final = Path(__file__).parents[2] / "deploy"
CHART: Final = _DEPLOY / "helm"
MANIFESTS: Final = _DEPLOY / "kubernetes" / "streamer.yaml"
_HEAD: Final = """\
# Streamer for Kubernetes, as the chart of deploy/helm has it by default; written by make docs.
#
#   kubectl create secret generic streamer --from-literal=auth_secret="$(openssl rand -hex 32)" \\
#       --from-literal=redis_url=redis://redis.internal:6379
#   kubectl apply -f deploy/kubernetes/streamer.yaml
#
# Put the images of deploy/Dockerfile where your cluster finds them, and their names here.
"""


def rendered(values: dict[str, Any] | None = None) -> str:
    """Every manifest of the chart, installed as ``streamer`` with `values`, as one file."""
    import helm_python

    with helm_python.Chart.load(str(CHART)) as chart:
        files: dict[str, str] = chart.render(values or {}, name="streamer", namespace="default")
    manifests = [text.strip() for _, text in sorted(files.items()) if text.strip()]
    return "\n---\n".join(manifests) + "\n"


def manifests() -> str:
    """What deploy/kubernetes/streamer.yaml has."""
    return f"{_HEAD}---\n{rendered()}"


if __name__ == "__main__":
    MANIFESTS.write_text(manifests(), "utf-8")
