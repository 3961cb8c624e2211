"""The kinds of job, and which of them may be asked for over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from ..config.settings import Settings
from ..errors import InvalidFields, UnknownJobKind

#: Where they wait, if their options name no other queue: not Dramatiq's ``default``, which
#: actors of a user's own have, so that it is known for which of them there is no worker.
QUEUE: Final = "streamer"


class JobKind(msgspec.Struct, frozen=True, kw_only=True):
    """One kind of job.

    A package offers its own by an entry point, in its ``pyproject.toml``::

        [project.entry-points."streamer.jobs"]
        thumbnail = "mypackage.jobs:THUMBNAIL"

    where ``THUMBNAIL = JobKind(name="thumbnail", parameters=…, run=…)``. Servers
    and workers that have the package installed then know it.

    Attributes:
        name: what a request says as ``kind``; the actor's name.
        parameters: the rest of the request's body, checked by msgspec.
        run: does the job, in a worker; its result goes into ``completed``.
        check: refuses, when asked, a job that cannot be done, by raising a
            `StreamerError`. May block.
        is_own: asked for by the server itself alone, and not over HTTP.
        options: of the Dramatiq actor (``max_retries``, ``time_limit``, …).
    """

    name: str
    parameters: type[msgspec.Struct]
    run: Callable[[Any, Settings], object]
    check: Callable[[Any, Settings], None] | None = None
    is_own: bool = False
    options: dict[str, Any] = {}

    @property
    def queue(self) -> str:
        """Where its jobs wait."""
        return str(self.options.get("queue_name", QUEUE))

    @property
    def actor(self) -> str:
        """The name of its actor, and of the task of its events."""
        return self.name

    def read(self, fields: Mapping[str, Any]) -> msgspec.Struct:
        """The parameters in `fields`.

        Raises:
            InvalidFields: one is missing, unknown, of the wrong type or out of range.
        """
        try:
            return msgspec.convert(dict(fields), self.parameters)
        except msgspec.ValidationError as error:
            allowed = ", ".join(field.name for field in msgspec.structs.fields(self.parameters))
            raise InvalidFields(
                f"a {self.name} job cannot be made of this: {error}; its fields are: {allowed}"
            ) from error


def find_kind(
    kinds: Mapping[str, JobKind], name: object, *, own: bool = False, hint: str = ""
) -> JobKind:
    """The kind of that name; of the server's own only if `own`.

    Raises:
        UnknownJobKind: there is none, or `name` is not text; `hint` says what else to do.
    """
    kinds = {name: kind for name, kind in kinds.items() if own or not kind.is_own}
    if isinstance(name, str) and name in kinds:
        return kinds[name]
    known = ", ".join(sorted(kinds))
    raise UnknownJobKind(f"{str(name)[:64]!r} is not a kind of job; the kinds are: {known}{hint}")
