"""The scenarios, in the order of the table."""

from __future__ import annotations

from .base import FULL, QUICK, SMOKE, Plan, Scenario
from .compressed import Compressed
from .crowd import Crowd
from .fan_out import ACCESS, BURST, SSE_1000, SSE_5000, WEBSOCKET_1000
from .idle import IDLE_SSE, IDLE_WEBSOCKET
from .inboxes import INBOXES_SSE, INBOXES_WEBSOCKET
from .many_topics import ManyTopics
from .publish import PUBLISH_1, PUBLISH_100
from .stalled import Stalled
from .storm import Storm
from .verified_publish import VerifiedPublish
from .workers import Workers

__all__ = ["FULL", "QUICK", "SCENARIOS", "SMOKE", "Plan", "Scenario"]

_ALL: tuple[Scenario, ...] = (
    SSE_1000,
    WEBSOCKET_1000,
    SSE_5000,
    BURST,
    ManyTopics(),
    IDLE_SSE,
    IDLE_WEBSOCKET,
    Storm(),
    Crowd(),
    Stalled(),
    Workers(),
    Compressed(),
    ACCESS,
    VerifiedPublish(),
    PUBLISH_1,
    PUBLISH_100,
    INBOXES_SSE,
    INBOXES_WEBSOCKET,
)

SCENARIOS: dict[str, Scenario] = {scenario.name: scenario for scenario in _ALL}
