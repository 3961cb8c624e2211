"""What a wire form is: how events and control events become one shared buffer."""

from __future__ import annotations

from abc import ABC, abstractmethod
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


class FeedForm(Form, Protocol):
    """A form with the state of one feed: `wrap` is called once for each of its batches.

    What is written to all readers in step is wrapped by it, in order; what one reader is
    written by itself, such as a replay, is in the plain form. So a buffer of either must
    make sense to whoever has begun, whatever the other wrote between. `event` and
    `control` keep no state: an event's frame is shared by all feeds.
    """

    def begin(self) -> bytes | None:
        """What a reader is written that joins now, before the next batch; may be empty.

        None: it cannot join here; it is written to by itself, and asks again after the
        next batch. A form that has wrapped nothing yet can be joined.
        """


class PerFeed(ABC):
    """The base of a plain form that has a `FeedForm` for each feed, as compression has.

    A form is chosen when a reader attaches (its writer's `form`); the hub does the rest.
    """

    @abstractmethod
    def for_feed(self) -> FeedForm:
        """A form with fresh state; called when the first reader of it joins a feed."""


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
