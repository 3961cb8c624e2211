"""The node of a Redis Cluster that owns the log's slot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from redis import exceptions
from redis.crc import key_slot

from ....config.redis_url import RedisURL
from ....errors import LogUnavailable
from .connection import greeting
from .questions import ASK_TIMEOUT, ask
from .route import Address

#: Nodes that are remembered, beyond those of the URL.
_MAX_NODES: Final = 100


class ClusterSearch:
    """See `route.Search`; a node that the others have lost is not believed.

    Every key of the log is in one slot, so the log is on one node.
    """

    def __init__(self, url: RedisURL, key: str, timeout: float) -> None:
        self._slot: Final = key_slot(key.encode())
        self._url: Final = url
        self._patience: Final = min(ASK_TIMEOUT, timeout)
        self._given: Final = tuple(Address(*node) for node in url.nodes)
        #: The nodes that are asked, in this order: the one that answered last comes first.
        self._nodes: dict[Address, None] = dict.fromkeys(self._given)

    async def ask(self) -> Address:
        """See `route.Search`."""
        problems = []
        for node in tuple(self._nodes):
            try:
                slots = await self._slots(node)
            except (exceptions.RedisError, OSError, LogUnavailable) as error:
                problems.append(f"{node}: {error}")
                continue
            owner = _owner(slots, self._slot, node)
            self._remember(node, slots)
            if owner is not None:
                return owner
            problems.append(f"{node}: slot {self._slot} is served by no node")
        found = "; ".join(problems)
        raise LogUnavailable(f"no node of the cluster knows where the log is ({found})")

    async def _slots(self, node: Address) -> list[Any]:
        questions = (("CLUSTER", "INFO"), ("CLUSTER", "SLOTS"))
        *_, info, slots = await ask(
            self._url, node, self._patience, *greeting(self._url), *questions
        )
        if b"cluster_state:ok" not in info:
            # Cut off from the others it would name itself for ever.
            raise LogUnavailable("its cluster_state is not ok")
        return list(slots)

    def _remember(self, node: Address, slots: list[Any]) -> None:
        known = (each for _, _, *nodes in slots for each in _addresses(nodes, node))
        ordered = dict.fromkeys((node, *known, *self._given))
        self._nodes = dict.fromkeys(list(ordered)[:_MAX_NODES])


def _owner(slots: list[Any], slot: int, asked: Address) -> Address | None:
    """The owner of `slot`, by an answer to CLUSTER SLOTS: first, last, owner, replica..."""
    for first, last, *nodes in slots:
        if first <= slot <= last:
            return next(iter(_addresses(nodes, asked)), None)
    return None


def _addresses(nodes: Iterable[Any], asked: Address) -> Iterable[Address]:
    for host, port, *_ in nodes:
        # A node that does not know its own name leaves it out: it is who was asked.
        yield Address(host.decode() if host else asked.host, int(port))
