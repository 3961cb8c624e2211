"""The kinds of job that workers of a user's own actors offer, for every server of the log."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec
import redis

from ..config.settings import Settings
from ..errors import InvalidFields
from .kinds import JobKind
from .schema_types import struct_of

#: Seconds that an offer is believed after its worker last repeated it: a job may be asked for
#: while no worker runs, as over a night, and waits for the next one.
_BELIEVED: Final = 86_400.0
#: Bytes of what a job is asked with, at most: as much as is kept of it, to run it again.
MAX_PARAMETERS: Final = 12 * 1024
#: Bytes of one worker's offer, at most: servers read it again and again.
MAX_OFFER: Final = 256 * 1024
#: Characters of an error that list the fields.
_MAX_FIELDS: Final = 600


class Offer(msgspec.Struct, frozen=True):
    """One kind of job of a user's own.

    Attributes:
        kind: what a request says as ``kind``.
        actor: the name of its actor, and of the task of its events.
        queue: where its messages wait for a worker.
        parameters: a JSON Schema, as of `Parameters`.
        takes_project: whether the actor has a parameter for the project.
        description: one sentence, or nothing.
    """

    kind: str
    actor: str
    queue: str
    parameters: dict[str, Any]
    takes_project: bool = False
    description: str = ""


class _Offered(msgspec.Struct, frozen=True):
    """What one worker offers; `since` is when it started, `at` when it last said so (Unix time)."""

    since: float
    at: float
    offers: list[Offer]


class OfferedKind(JobKind, frozen=True, kw_only=True):
    """A kind of job that runs elsewhere.

    Attributes:
        actor: the name of its actor.
        queue: where its messages wait for a worker.
        desk: the queue in which those who offer it take what was asked for.
        schema: the JSON Schema of its parameters.
        takes_project: whether the actor has a parameter for the project.
        description: one sentence, or nothing.
    """

    actor: str
    queue: str
    desk: str
    schema: dict[str, Any]
    takes_project: bool
    description: str

    def read(self, fields: Mapping[str, Any]) -> msgspec.Struct:
        """The parameters in `fields`.

        Raises:
            InvalidFields: one is missing, unknown, of the wrong type or out of range; or they
                are too large.
        """
        try:
            parameters: msgspec.Struct = msgspec.convert(dict(fields), self.parameters)
        except msgspec.ValidationError as error:
            raise InvalidFields(
                f"a {self.name} job cannot be made of this: {error}; {self._fields()}"
            ) from error
        if (size := len(msgspec.json.encode(parameters))) > MAX_PARAMETERS:
            raise InvalidFields(
                f"a {self.name} job is asked for with {size} bytes; at most {MAX_PARAMETERS} are "
                "allowed: name what is large, instead of sending it"
            )
        return parameters

    def _fields(self) -> str:
        properties = self.schema["properties"]
        if not properties:
            return "it has no fields"
        said = ", ".join(f"{name} ({in_words(field)})" for name, field in properties.items())
        return "its fields are: " + (
            said if len(said) <= _MAX_FIELDS else said[: _MAX_FIELDS - 1] + "…"
        )


class Offers:
    """Where they are kept: beside the queues of the built-in jobs. Every method blocks.

    Args:
        namespace: that of the broker's keys.
    """

    def __init__(self, client: redis.Redis, namespace: str) -> None:
        self._client: Final = client
        self._key: Final = f"{namespace}:offers"

    def put(self, desk: str, offers: Iterable[Offer], since: float) -> None:
        """Offer these at `desk`, and nothing else; unless a worker that started later does.

        Raises:
            ValueError: it is more than servers would read.
        """
        offered = msgspec.json.encode(_Offered(since, time.time(), list(offers)))
        if len(offered) > MAX_OFFER:
            raise ValueError(
                f"the kinds of job have {len(offered)} bytes of schemas; at most {MAX_OFFER} "
                "are allowed"
            )
        before = self._read(self._client.hget(self._key, desk))
        if before is None or before.since <= since:
            self._client.hset(self._key, desk, offered)
        # Else the desks of workers that were renamed would add up.
        now = time.time()
        gone = [name for name, each in self._read_all().items() if now - each.at >= _BELIEVED]
        if gone:
            self._client.hdel(self._key, *gone)
        self._client.expire(self._key, int(2 * _BELIEVED))

    def all(self) -> dict[str, OfferedKind]:
        """Every kind that is offered, by name; of several of a name the one offered last."""
        now = time.time()
        current = [
            (each.since, desk, each.offers)
            for desk, each in self._read_all().items()
            if now - each.at < _BELIEVED
        ]
        return {
            offer.kind: kind
            for _, desk, offers in sorted(current, key=lambda each: each[:2])
            for offer in offers
            if (kind := _kind_of(offer, desk)) is not None
        }

    def _read_all(self) -> dict[str, _Offered]:
        found: Any = self._client.hgetall(self._key)
        read = {desk.decode(): self._read(text) for desk, text in found.items()}
        return {desk: each for desk, each in read.items() if each is not None}

    @staticmethod
    def _read(text: object) -> _Offered | None:
        try:
            return msgspec.json.decode(text, type=_Offered) if isinstance(text, bytes) else None
        except msgspec.DecodeError:  # of another version
            return None


def _kind_of(offer: Offer, desk: str) -> OfferedKind | None:
    try:
        struct = struct_of(offer.parameters)
    except ValueError:  # of another version
        return None
    return OfferedKind(
        name=offer.kind,
        parameters=struct,
        run=_elsewhere,
        actor=offer.actor,
        queue=offer.queue,
        desk=desk,
        schema=offer.parameters,
        takes_project=offer.takes_project,
        description=offer.description,
    )


def _elsewhere(_parameters: object, _settings: Settings) -> object:
    raise RuntimeError("its actor is a worker's: a server asks for the job, and runs none")


def in_words(schema: Mapping[str, Any]) -> str:
    """What a schema of a parameter allows, in a few words."""
    if ref := schema.get("$ref"):
        return str(ref.rpartition("/")[2])
    if "anyOf" in schema:
        return " or ".join(in_words(each) for each in schema["anyOf"])
    if "enum" in schema:
        return " or ".join(msgspec.json.encode(value).decode() for value in schema["enum"])
    kind = str(schema.get("type", "any JSON"))
    if kind == "array":
        kind += f" of {in_words(schema.get('items', {}))}"
    limits = {
        "at least": schema.get("minimum"),
        "above": schema.get("exclusiveMinimum"),
        "at most": schema.get("maximum"),
        "below": schema.get("exclusiveMaximum"),
        "a multiple of": schema.get("multipleOf"),
        "matching": schema.get("pattern"),
    }
    said = [kind, *(f"{words} {limit}" for words, limit in limits.items() if limit is not None)]
    for least, most, unit in (
        ("minLength", "maxLength", "characters"),
        ("minItems", "maxItems", "items"),
        ("minProperties", "maxProperties", "properties"),
    ):
        if most in schema:
            said.append(f"{schema.get(least, 0)} to {schema[most]} {unit}")
        elif least in schema:
            said.append(f"at least {schema[least]} {unit}")
    return ", ".join(said)
