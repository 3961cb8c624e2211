"""What an answer may say, as methods: text, reasoning, tools, sources, files, data, steps."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Final

from ..errors import InvalidFields
from ..events.answer import Part

#: Names of data: they are part of a type's name, ``data-<name>``.
_DATA_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,63}")
#: Kinds of what a provider alone understands.
_KIND: Final = re.compile(r"[A-Za-z0-9_-]{1,64}\.[A-Za-z0-9_.-]{1,64}")

#: What a provider wants to have back, as it gave it: by its name.
OfProvider = Mapping[str, Any] | None


class Saying(ABC):
    """Says things in order; each method returns at once.

    Every one of them raises:
        EventTooLarge: what is said does not fit into one event, or the answer would be too long.
        InvalidFields: it cannot be expressed in JSON, or a name is none.
        LogUnavailable: nobody tells any more: the publisher is closed.
        ValueError: the answer is over, or has not begun.
    """

    @abstractmethod
    def _say(self, kind: str, text: str, tool_call: Part | None = None) -> None:
        """Say more of a text."""

    @abstractmethod
    def _say_part(self, part: Part) -> None:
        """Say something else."""

    def text(self, piece: str) -> None:
        """Say more of the text. However long it is: it goes on in as many events as it needs."""
        self._say("text", piece)

    def reasoning(self, piece: str) -> None:
        """Say more of how the model came to what it says."""
        self._say("reasoning", piece)

    def tool_input(self, tool_call: str, piece: str, *, tool: str, **more: Any) -> None:  # noqa: ANN401
        """Say more of the JSON that a tool is called with, as the model writes it.

        `tool_call` is the call's name in this answer, `tool` the tool's; `more` as of `tool_call`.
        """
        named = {"tool_call": _named("tool_call", tool_call), "tool": _named("tool", tool)}
        self._say("tool_input", piece, {**named, **_of_call(**more)})

    def tool_call(
        self,
        tool_call: str,
        tool: str,
        input: Any,  # noqa: A002, ANN401 - the field's own name
        *,
        error: str | None = None,
        title: str | None = None,
        dynamic: bool = False,
        provider: OfProvider = None,
    ) -> None:
        """Say what a tool is called with; with an `error`, that it cannot be.

        Args:
            tool_call: the call's name in this answer.
            tool: the tool's name.
            input: anything that JSON can express.
            error: why this is no input.
            title: what the call is called, for a person.
            dynamic: whether the application knew the tool beforehand.
            provider: what the provider wants to have back.
        """
        named = {"tool_call": _named("tool_call", tool_call), "tool": _named("tool", tool)}
        more = _of_call(title=title, dynamic=dynamic, provider=provider)
        self._say_part({"type": "tool_call", **named, "input": input, **_some(error=error), **more})

    def tool_output(
        self,
        tool_call: str,
        output: Any,  # noqa: ANN401 - anything
        *,
        preliminary: bool = False,
        dynamic: bool = False,
    ) -> None:
        """Say what a tool has returned; a `preliminary` output is replaced by the next one."""
        named = {"tool_call": _named("tool_call", tool_call)}
        flags = _some(preliminary=preliminary, dynamic=dynamic)
        self._say_part({"type": "tool_output", **named, "output": output, **flags})

    def tool_error(self, tool_call: str, error: str, *, dynamic: bool = False) -> None:
        """Say that a tool has failed."""
        named = {"tool_call": _named("tool_call", tool_call)}
        self._say_part({"type": "tool_output", **named, "error": error, **_some(dynamic=dynamic)})

    def tool_denied(self, tool_call: str) -> None:
        """Say that a tool may not be called."""
        named = {"tool_call": _named("tool_call", tool_call)}
        self._say_part({"type": "tool_output", **named, "denied": True})

    def ask_approval(self, tool_call: str, approval: str) -> None:
        """Ask whether a tool may be called; `approval` is the question's name."""
        named = {
            "tool_call": _named("tool_call", tool_call),
            "approval": _named("approval", approval),
        }
        self._say_part({"type": "tool_approval", **named})

    def approval(self, approval: str, approved: bool, reason: str | None = None) -> None:  # noqa: FBT001
        """Say what somebody has answered to that."""
        named = {"approval": _named("approval", approval), "approved": approved}
        self._say_part({"type": "tool_approval", **named, **_some(reason=reason)})

    def source(
        self,
        url: str,
        *,
        title: str | None = None,
        id: str | None = None,  # noqa: A002 - the field's own name
        provider: OfProvider = None,
    ) -> None:
        """Say where something is from; its name is its address unless it has an `id`."""
        more = _some(title=title, provider_metadata=provider)
        self._say_part({"type": "source", "id": id or url, "url": url, **more})

    def document(
        self,
        title: str,
        media_type: str,
        *,
        filename: str | None = None,
        id: str | None = None,  # noqa: A002 - the field's own name
        provider: OfProvider = None,
    ) -> None:
        """Say which document something is from; `media_type` as ``application/pdf``."""
        named = {"id": id or filename or title, "title": title, "media_type": media_type}
        more = _some(filename=filename, provider_metadata=provider)
        self._say_part({"type": "source", **named, **more})

    def file(self, url: str, media_type: str, *, is_reasoning: bool = False) -> None:
        """Show a file that is somewhere else, or a small one as a ``data:`` URL."""
        file = {"type": "file", "url": url, "media_type": media_type}
        self._say_part({**file, **_some(is_reasoning=is_reasoning)})

    def data(
        self,
        name: str,
        value: Any,  # noqa: ANN401 - anything
        *,
        id: str | None = None,  # noqa: A002 - the field's own name
        transient: bool = False,
    ) -> None:
        """Say something of the application's own: ``data-<name>`` on its page.

        Args:
            name: as ``progress``; the application's word.
            value: anything that JSON can express.
            id: of the same name and id the newest value replaces the one before.
            transient: it is for those who are there now, and no part of the answer.
        """
        if _DATA_NAME.fullmatch(name) is None:
            raise InvalidFields(
                f"{name!r:.80} is no name of data: a letter, and up to 63 of A-Z a-z 0-9 _ . -"
            )
        more = _some(id=id, transient=transient)
        self._say_part({"type": "data", "name": name, "data": value, **more})

    def step(self) -> None:
        """Begin another step, such as the model's next turn after its tools have answered."""
        self._say_part({"type": "step"})

    def metadata(self, **values: Any) -> None:  # noqa: ANN401 - anything
        """Say something of the message as a whole; values of other names stay as they are."""
        self._say_part({"type": "metadata", "metadata": values})

    def custom(self, kind: str, *, provider: OfProvider = None) -> None:
        """Say what only a provider understands; `kind` as ``provider.type``."""
        if _KIND.fullmatch(kind) is None:
            raise InvalidFields(f"{kind!r:.80} is no kind: it must be as provider.type")
        self._say_part({"type": "custom", "kind": kind, **_some(provider_metadata=provider)})


def _of_call(
    *, title: str | None = None, dynamic: bool = False, provider: OfProvider = None
) -> Part:
    return _some(title=title, dynamic=dynamic, provider_metadata=provider)


def _named(what: str, name: str) -> str:
    if not isinstance(name, str) or not name:
        raise InvalidFields(f"{what} must be a name, and is {name!r:.80}")
    return name


def _some(**fields: Any) -> Part:  # noqa: ANN401 - a part's
    """Those that say anything."""
    return {name: value for name, value in fields.items() if value not in (None, False)}
