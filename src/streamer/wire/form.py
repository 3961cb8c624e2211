"""What a wire form is: how events and control events become one shared buffer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..events.control import Control
from ..events.event import Event, Run


class Form(Protocol):
    """One way to write events as bytes; readers of the same form share buffers."""

    @property
    def name(self) -> str:
        """The key under which an event caches its frame in this form."""

    @property
    def heartbeat(self) -> bytes:
        """What keeps an idle connection alive, ready to write; may be empty."""

    def event(self, event: Event) -> bytes:
        """One event as a frame."""

    def control(self, control: Control) -> bytes:
        """One control event as a frame."""

    def wrap(self, frames: bytes) -> bytes:
        """Joined frames, made ready for one write."""


def encode(form: Form, items: Sequence[Event | Control]) -> bytes:
    """Write `items` as one buffer; each event, and each run of them, is encoded once per form."""
    if not isinstance(items, Run):
        return _joined(form, items)
    buffer = items.buffers.get(form)
    if buffer is None:
        buffer = items.buffers[form] = _joined(form, items)
    return buffer


def _joined(form: Form, items: Sequence[Event | Control]) -> bytes:
    encode_event = form.event
    name = form.name
    return form.wrap(
        b"".join(
            [
                item.encoded(name, encode_event) if isinstance(item, Event) else form.control(item)
                for item in items
            ]
        )
    )
