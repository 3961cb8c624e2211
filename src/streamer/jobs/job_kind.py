"""``@streamer.job_kind``: marks an actor that clients may start over HTTP."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple, TypeVar, overload

from dramatiq import Actor

from .parameters import Parameters, parameters_of

A = TypeVar("A", bound=Actor[..., Any])

_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")


class Marked(NamedTuple):
    """An actor that may be started over HTTP.

    Attributes:
        kind: what a request says as ``kind``.
        description: what it does, from the docstring; empty if there is none.
    """

    kind: str
    actor: Actor[..., Any]
    parameters: Parameters
    description: str


_marked: Final[dict[str, Marked]] = {}


@overload
def job_kind(marked: A, /) -> A: ...


@overload
def job_kind(marked: str | None = None, /) -> Callable[[A], A]: ...


def job_kind(marked: A | str | None = None, /) -> A | Callable[[A], A]:
    """Let clients start an actor: ``POST /api/v1/projects/{id}/jobs`` with its name as ``kind``.

    It stands above ``@dramatiq.actor``, and may be given another name::

        @streamer.job_kind("thumbnail")
        @dramatiq.actor(max_retries=3)
        def make_thumbnail(source: str, width: Annotated[int, Meta(ge=1, le=4096)] = 320): ...

    The other fields of a request are the function's parameters, and checked by their
    annotations, before anything is queued. A parameter ``project_id`` is given the project of
    the address. It is known to all servers of the log once a ``streamer worker`` of its module
    has started.

    Returns:
        The actor as it is.

    Raises:
        TypeError: this is no actor, or a parameter cannot be checked; saying which.
        ValueError: the name is malformed, or another actor has it.
    """
    if isinstance(marked, Actor):
        return _mark(marked, marked.actor_name)
    if marked is not None and not isinstance(marked, str):
        raise TypeError(_no_actor(marked))

    def decorate(actor: A) -> A:
        if not isinstance(actor, Actor):
            raise TypeError(_no_actor(actor))
        return _mark(actor, actor.actor_name if marked is None else marked)

    return decorate


def marked_kinds() -> tuple[Marked, ...]:
    """All that this process has marked."""
    return tuple(_marked.values())


def _mark(actor: A, kind: str) -> A:
    if _NAME.fullmatch(kind) is None:
        raise ValueError(
            f"{kind[:80]!r} is no name of a kind of job; it must be 1 to 64 of the characters "
            "A-Z a-z 0-9 _ . -, and begin with none of the last two"
        )
    other = _marked.get(kind)
    if other is not None and _place(other.actor) != _place(actor):  # else it is defined again
        raise ValueError(
            f"{_place(other.actor)} is the kind of job {kind!r} already; give one of them another "
            f'name, as in @streamer.job_kind("{kind}-2")'
        )
    parameters = parameters_of(actor.fn, actor.actor_name)
    description = (inspect.getdoc(actor.fn) or "").partition("\n\n")[0].replace("\n", " ")
    _marked[kind] = Marked(kind, actor, parameters, description)
    return actor


def _place(actor: Actor[..., Any]) -> str:
    return f"{actor.fn.__module__}.{actor.fn.__qualname__}"


def _no_actor(given: object) -> str:
    name = getattr(given, "__qualname__", None) or type(given).__qualname__
    return (
        f"{name} is no Dramatiq actor, which is what job_kind marks: "
        "put @streamer.job_kind above @dramatiq.actor"
    )
