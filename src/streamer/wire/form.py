"""What a wire form is: how events and control events become one shared buffer."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from ..events.control import Control
from ..events.event import Event, Run

if TYPE_CHECKING:
    from .coding import Mark
    from .envelope import Envelope


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


class LikePlain:
    """The base of a form that writes each thing as `plain` does, and wraps them in its own way.

    Attributes:
        name, heartbeat, event, control: as of `Form`.
    """

    def __init__(self, plain: Form) -> None:
        self.name = plain.name
        self.heartbeat = plain.heartbeat
        self.event = plain.event
        self.control = plain.control


class MarkedForm(Form, Protocol):
    """A form with the state of one feed: `wrap` is called once for each of its batches.

    What is written to all its readers is wrapped by it, in order; what one reader is
    written by itself, such as a replay, is in the plain form. `event` and `control` keep no
    state: an event's frame is shared by all feeds.

    Attributes:
        mark: where the last batch left them; another after each of them.
    """

    @property
    def mark(self) -> Mark:
        """See above."""


class FeedForm(MarkedForm, Protocol):
    """The form of those in step: what it makes refers to what they were given before."""

    @property
    def is_fresh(self) -> bool:
        """Whether a reader can join now, before the next batch.

        If not, it waits, in the form that `PerFeed.for_waiting` makes. A form that has
        wrapped nothing yet can be joined.
        """

    def renew(self) -> None:
        """Begin anew with the next batch, so that readers can join before it.

        Called when that costs less than to go on without those who wait, and when nobody is
        left.
        """


class PerFeed(ABC):
    """The base of a plain form that has a `FeedForm` for each feed, as compression has.

    A form is chosen when a reader attaches (its writer's `form`); the hub does the rest.
    """

    @abstractmethod
    def for_feed(self) -> FeedForm:
        """A form with fresh state; called when the first reader of it joins a feed."""

    @abstractmethod
    def for_waiting(self) -> MarkedForm:
        """The form of those who cannot join that one yet; called when the first one waits.

        It can be joined before any batch.
        """

    @property
    def beside(self) -> Form:
        """How a reader that is in step is written what is for it alone.

        The form itself, but for one whose words would be in the way of those that follow.
        """
        return self  # type: ignore[return-value]  # as each is

    def envelope(self) -> Envelope | None:
        """The state of one reader, if what it is written is one stream for whoever reads it.

        Then nothing can stand between the batches of those in step. None: anything can.
        """
        return None


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
