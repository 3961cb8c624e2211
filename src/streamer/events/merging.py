"""A run of events in fewer: for readers that ask to be written to so many times a second.

Whoever folds what is left comes to what it had come to with all of them, and whoever is cut
between any two of them resumes behind the first without a loss:

- **Progress**: of a job's progress the newest of each task is left, if it says all that those
  before it said. The first after anything else of the job is left too: it may have begun
  the job, or its run. Nothing is left out across another event of the same job, nor across
  one that may have begun another.
- **Pieces of an answer** that follow one another are joined to one, with the id of the last.
  Where an event with an id stands between them they stay apart: a reader that is cut behind
  that event resumes there, and would lose what came before it, or be given it twice.
- **Ephemeral**: the newest of who types, and of how far somebody has read.

Everything else is left as it is, and the order too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from .answer import CHUNK, DELTAS, PARTS, Part
from .control import Control
from .event import Event, Run
from .job_event import JOB_EVENT_TYPES
from .job_states import MAX_JOBS
from .json_line import encode_line
from .topic import job_of

#: Bytes of fields that joined pieces have at most: an event has room for that on every wire.
MAX_JOINED_BYTES: Final = 32 * 1024
#: Jobs and tasks that are known to run, no more than a snapshot knows jobs that are not
#: over: of one that it has forgotten, the next event begins it anew.
MAX_RUNNING: Final = MAX_JOBS

#: Types of which pieces are joined, and the field that has what each adds.
_PIECES: Final = {CHUNK: "chunk", PARTS: "parts"}
#: What is said with the first piece of a part alone.
_BEGINS: Final = "opens"
#: Types that are replaced, where they are ephemeral, and by what they are told apart.
_REPLACED: Final = {
    "typing": ("user",),
    "read": ("reader",),
    "progress": ("job_id", "task_name"),
}

T = TypeVar("T", bound=Event | Control)


class _Progress(msgspec.Struct):
    """What of a progress tells it from others, and what one after it must say as well."""

    job_id: str | None = None
    task_name: str | None = None
    attempt: int | None = None
    parent_id: str | None = None
    message: str | None = None


_progress: Final[msgspec.json.Decoder[_Progress]] = msgspec.json.Decoder(_Progress)
_object: Final[msgspec.json.Decoder[dict[str, Any]]] = msgspec.json.Decoder(dict[str, Any])


class _Key(NamedTuple):
    """Progress of equal keys is of one task, told to the same readers."""

    topics: tuple[str, ...]
    job_id: str
    task_name: str | None
    attempt: int | None
    parent_id: str | None

    @classmethod
    def of(cls, event: Event, said: _Progress) -> _Key:
        """That of a progress."""
        return cls(event.topics, said.job_id or "", said.task_name, said.attempt, said.parent_id)


class Running:
    """The jobs whose last event was a progress: one more begins nothing.

    Who reads with it has been given that event, or a snapshot that it is in.
    """

    __slots__ = ("_keys",)

    def __init__(self, keys: Iterable[_Key] = ()) -> None:
        # The one heard of last at the end.
        self._keys = dict.fromkeys(keys)

    def copy(self) -> Running:
        """The same, to be changed by itself."""
        return Running(self._keys)

    def runs(self, key: _Key) -> bool:
        """Whether a progress of `key` begins nothing; one is heard of now."""
        is_known = self._keys.pop(key, self) is None
        self._keys[key] = None
        if len(self._keys) > MAX_RUNNING:
            del self._keys[next(iter(self._keys))]
        return is_known

    def stop(self, job_id: str) -> list[_Key]:
        """Something else came of a job; return what was known to run of it."""
        found = [key for key in self._keys if key.job_id == job_id]
        for key in found:
            del self._keys[key]
        return found

    def clear(self) -> None:
        """Nothing is known any more."""
        self._keys.clear()


def merged(items: Sequence[T], running: Running | None = None) -> list[T | Event]:
    """`items` in fewer, for readers that had been given all before them.

    `running` is what those before them left; it is brought up to date.
    """
    left: list[T | Event | None] = list(items)
    _leave_newest_progress(left, Running() if running is None else running)
    _leave_newest_ephemeral(left)
    _join_pieces(left)
    return [item for item in left if item is not None]


def merged_run(run: Run) -> Run:
    """The same of events that several readers are sent: once for all of them."""
    if run.merged is None:
        run.merged = Run(merged(run))
    return run.merged


def _leave_newest_progress(left: list[T | Event | None], running: Running) -> None:
    # What a newer progress of the same key may replace, with whether it has a message: one,
    # or two where only the older has.
    open_: dict[_Key, list[tuple[int, bool]]] = {}
    for index, item in enumerate(left):
        if not isinstance(item, Event):
            open_.clear()
        elif item.type != "progress":
            if item.type in JOB_EVENT_TYPES:
                _close(open_, running, _said(item))
        elif item.id is not None:
            said = _said(item)
            key = None if said is None else _Key.of(item, said)
            if key is None or said is None:
                _close(open_, running, None)
            elif running.runs(key):
                has_message = said.message is not None
                older = open_.get(key, [])
                replaced = [place for place, has in older if has_message or not has]
                for place in replaced:
                    left[place] = None
                kept = [one for one in older if one[0] not in replaced]
                open_[key] = [*kept, (index, has_message)]
            else:
                open_.clear()


def _close(open_: dict[_Key, Any], running: Running, said: _Progress | None) -> None:
    """Let nothing be replaced across an event that may have changed anything of a job.

    None is an event of nobody knows which; one of a job that was not known to run may have
    begun it.
    """
    stopped = [] if said is None else running.stop(said.job_id or "")
    if said is None:
        running.clear()
    if not stopped:
        open_.clear()
    for key in stopped:
        open_.pop(key, None)


def _said(event: Event) -> _Progress | None:
    """Of which job it is, and of what; None if it is not one job on all of its topics."""
    try:
        said = _progress.decode(event.fields)
    except (msgspec.MsgspecError, UnicodeError):  # written by an older or another publisher
        return None
    named = {job_of(topic) for topic in event.topics} - {None}
    return said if named <= {said.job_id} else None


def _leave_newest_ephemeral(left: list[T | Event | None]) -> None:
    newest: dict[tuple[object, ...], int] = {}
    for index, item in enumerate(left):
        if not isinstance(item, Event) or item.id is not None or item.type not in _REPLACED:
            continue
        fields = _decoded(item)
        if fields is None:
            continue
        names = [fields.get(name) for name in _REPLACED[item.type]]
        if not all(name is None or isinstance(name, str) for name in names):
            continue
        key = (item.type, item.topics, *names)
        if key in newest:
            left[newest[key]] = None
        newest[key] = index


def _join_pieces(left: list[T | Event | None]) -> None:
    begun: _Joined | None = None
    for index, item in enumerate(left):
        if item is None or (isinstance(item, Event) and item.id is None):
            continue
        piece = _Joined.of(item, index) if isinstance(item, Event) else None
        if begun is not None and piece is not None and begun.takes(piece):
            left[begun.index] = None
            begun.take(piece)
            continue
        if begun is not None:
            left[begun.index] = begun.event()
        begun = piece
    if begun is not None:
        left[begun.index] = begun.event()


class _Joined:
    """Pieces that are one: with the place and the id of the last."""

    __slots__ = ("_count", "_last", "_name", "_others", "_said", "_size", "index")

    def __init__(self, last: Event, index: int, name: str, fields: dict[str, Any]) -> None:
        self.index = index
        self._count = 1
        self._last = last
        self._name = name
        self._size = len(last.fields)
        self._said: list[Any] = fields[name] if name == "parts" else [fields[name]]
        self._others = {**fields, name: None}

    @classmethod
    def of(cls, event: Event, index: int) -> _Joined | None:
        """An event as the first of its pieces; None if it is no piece."""
        name = _PIECES.get(event.type)
        fields = _decoded(event) if name is not None else None
        if name is None or fields is None or not _is_piece(fields.get(name), name):
            return None
        return cls(event, index, name, fields)

    def takes(self, piece: _Joined) -> bool:
        """Whether `piece` differs in nothing but what it adds, and there is room for it."""
        return (
            self._last.type == piece._last.type
            and self._last.topics == piece._last.topics
            and _without(self._others) == piece._others
            and self._size + piece._size <= MAX_JOINED_BYTES
        )

    def take(self, piece: _Joined) -> None:
        """Add the next piece."""
        self.index = piece.index
        self._count += 1
        self._last = piece._last
        self._size += piece._size
        self._said += piece._said

    def event(self) -> Event:
        """All of them as one."""
        last = self._last
        if self._count == 1:
            return last
        said = _added_up(self._said) if self._name == "parts" else "".join(self._said)
        fields = encode_line({**self._others, self._name: said})
        return Event(last.id, last.type, last.topics, fields)


def _is_piece(said: object, name: str) -> bool:
    if name != "parts":
        return isinstance(said, str)
    return isinstance(said, list) and all(isinstance(part, dict) for part in said)


def _added_up(parts: list[Part]) -> list[Part]:
    """`parts` with pieces of one part that follow one another as one."""
    joined: list[Part] = []
    texts: list[str] = []
    for part in parts:
        text = part.get("text")
        if joined and isinstance(text, str) and _continues(joined[-1], part):
            texts.append(text)
            joined[-1]["text"] = "".join(texts)
        else:
            joined.append({**part})
            texts = [text] if isinstance(text, str) else []
    return joined


def _continues(before: Part, part: Part) -> bool:
    """Whether `part` differs from the piece before it in nothing but its text."""
    kind = part.get("type")
    is_said_so = isinstance(kind, str) and kind in DELTAS
    return is_said_so and {**_without(before), "text": ""} == {**part, "text": ""}


def _without(fields: dict[str, Any]) -> dict[str, Any]:
    """What the second piece has of the first."""
    return {name: fields[name] for name in fields if name != _BEGINS}


def _decoded(event: Event) -> dict[str, Any] | None:
    try:
        return _object.decode(event.fields)
    except (msgspec.MsgspecError, UnicodeError):
        return None
