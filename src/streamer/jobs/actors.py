"""The Dramatiq actors of all kinds of job."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from dramatiq import Actor, Broker, actor

from ..config.settings import Settings
from .kinds import JobKind


def declare_actors(
    broker: Broker, settings: Settings, kinds: Iterable[JobKind]
) -> dict[str, Actor[..., Any]]:
    """Declare an actor on `broker` for each kind; return them by name.

    An actor's keyword arguments are the fields of its kind's parameters.
    """
    return {kind.name: _declare(broker, settings, kind) for kind in kinds}


def _declare(broker: Broker, settings: Settings, kind: JobKind) -> Actor[..., Any]:
    def run(**fields: Any) -> object:  # noqa: ANN401 - checked by the kind
        return kind.run(kind.read(fields), settings)

    options = {**kind.options, "queue_name": kind.queue}
    return actor(run, actor_name=kind.name, broker=broker, **options)  # type: ignore[call-overload,no-any-return]
