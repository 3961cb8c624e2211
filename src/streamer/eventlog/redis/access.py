"""What is shared about access, in Redis."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from ...errors import TooManyRequests, TooManyRevocations
from ..access import (
    KEY_BYTES,
    MAX_RENEWALS,
    MAX_REVOCATIONS,
    RENEWAL_TTL,
    REVOCATIONS_PAGE,
    REVOKED_FOR,
    Renewal,
    Revocation,
)
from .keys import Keys
from .link.commands import Commands
from .script import Script
from .stored import what_we_stored

_REVOKE: Final = Script("rights.lua", "revoke.lua")
_SEND: Final = Script("rights.lua", "send.lua")

_FULL: Final = b"full"


class RedisAccess:
    """`Access` in Redis: a few keys, and of each process and renewal one for some seconds."""

    def __init__(self, keys: Keys, commands: Commands) -> None:
        self._keys: Final = keys
        self._commands: Final = commands

    async def signing_key(self) -> bytes:
        """See `Access.signing_key`."""
        key = await self._commands.call("GET", self._keys.signing_key)
        if key is None:
            # Whoever comes first has drawn it for all.
            drawn = secrets.token_bytes(KEY_BYTES)
            await self._commands.call("SET", self._keys.signing_key, drawn, "NX")
            key = await self._commands.call("GET", self._keys.signing_key)
        with what_we_stored:
            if len(key) != KEY_BYTES:
                raise ValueError(f"the signing key has {len(key)} bytes")
        return bytes(key)

    async def revoke(self, revocations: Sequence[Revocation]) -> None:
        """See `Access.revoke`."""
        names = [self._keys.revoked, self._keys.revision]
        arguments: list[Any] = [REVOKED_FOR, MAX_REVOCATIONS]
        for revocation in revocations:
            arguments += (revocation.at, f"{revocation.kind}:{revocation.value}")
        if await self._commands.run_script(_REVOKE, names, arguments) == _FULL:
            raise TooManyRevocations.of(MAX_REVOCATIONS)

    async def revision(self) -> str:
        """See `Access.revision`."""
        found: bytes | None = await self._commands.call("GET", self._keys.revision)
        return "" if found is None else found.decode()

    async def revocations(self) -> tuple[str, list[Revocation]]:
        """See `Access.revocations`."""
        # Asked first: what is revoked meanwhile is another revision, and read anew.
        revision = await self.revision()
        found: list[Revocation] = []
        start = 0
        while True:
            end = start + REVOCATIONS_PAGE
            page: list[bytes] = await self._commands.call(
                "ZRANGE", self._keys.revoked, start, end - 1, "WITHSCORES"
            )
            with what_we_stored:
                found += [_read(name, at) for name, at in zip(page[::2], page[1::2], strict=True)]
            if len(page) < 2 * REVOCATIONS_PAGE:
                return revision, found
            start = end

    async def send(self, process: str, renewal: Renewal) -> None:
        """See `Access.send`."""
        packed = msgspec.msgpack.encode(renewal)
        arguments = [renewal.id, packed, RENEWAL_TTL, MAX_RENEWALS]
        names = [self._keys.renewals(process)]
        if await self._commands.run_script(_SEND, names, arguments) == _FULL:
            raise TooManyRequests("too many streams are renewed at once", retry_after=1.0)

    async def take(self, process: str) -> list[Renewal]:
        """See `Access.take`."""
        name = self._keys.renewals(process)
        found: list[bytes] = await self._commands.call("HGETALL", name)
        if not found:
            return []
        await self._commands.call("HDEL", name, *found[::2])
        with what_we_stored:
            return [msgspec.msgpack.decode(packed, type=Renewal) for packed in found[1::2]]

    async def answer(self, renewal: str, text: str) -> None:
        """See `Access.answer`."""
        await self._commands.call("SET", self._keys.answer(renewal), text, "PX", RENEWAL_TTL)

    async def answer_to(self, renewal: str) -> str | None:
        """See `Access.answer_to`."""
        found: bytes | None = await self._commands.call("GET", self._keys.answer(renewal))
        return None if found is None else found.decode()


def _read(name: bytes, at: bytes) -> Revocation:
    kind, _, value = name.decode().partition(":")
    return msgspec.convert({"kind": kind, "value": value, "at": float(at)}, Revocation)
