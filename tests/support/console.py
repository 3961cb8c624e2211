"""The blocks ``console`` of a document as one session: each command is run, its output compared.

In what a command prints, an id in the document stands for whatever id came there, and from
then on for that one, also in the commands; a time stands for any time, ``…`` for any text of
its line. A command that ends with ``^C`` is a stream: it is left running while the following
commands are run, must have printed at least what the document shows, and is then interrupted.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from .documents import EXAMPLE, blocks
from .processes import Program
from .waiting import DEADLINE, wait_until_blocking

_ID: Final = r"\b\d{13}-\d+\b"
_TIME: Final = r"\b\d{4}-\d\d-\d\dT[\d:.]+Z"
#: What a document's line is made of, beside its own text.
_SPECIAL: Final = re.compile(f"(…|{_TIME}|{_ID})")


class Shown(NamedTuple):
    """One command of a document, and what it says that is printed."""

    command: str
    lines: list[str]
    #: Whether it is interrupted, for it ends by itself never.
    is_stream: bool


def shown_in(name: str) -> list[Shown]:
    """The commands of a document, in their order."""
    found = []
    for block in blocks(name, "console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            # A command goes on after a backslash, and within quotes.
            lines = part.splitlines()
            command = [lines.pop(0)]
            while command[-1].endswith("\\") or "\n".join(command).count("'") % 2:
                command.append(lines.pop(0))
            is_stream = lines[-1:] == ["^C"]
            found.append(Shown("\n".join(command), lines[: -1 if is_stream else None], is_stream))
    return found


class Console:
    """Runs the commands of one document in `directory`, against the server at `port`."""

    def __init__(self, directory: Path, port: int) -> None:
        self._directory: Final = directory
        self._port: Final = port
        self._ids: Final[dict[str, str]] = {}
        self._status = 0

    def run(self, session: list[Shown]) -> None:
        """Run all of it; an assertion names the first command that prints something else."""
        with ExitStack() as stack:
            checks: list[Callable[[], None]] = []
            for shown in session:
                command = self._translated(shown.command)
                if shown.is_stream:
                    program = stack.enter_context(self._start(command))
                    checks.append(lambda shown=shown, program=program: self._end(shown, program))  # type: ignore[misc]
                    wait_until_blocking(lambda p=program: p.out, f"{command} printed nothing")  # type: ignore[misc]
                    # Its first lines may name ids that a later command uses.
                    self._compare(shown, program.out.splitlines(), so_far=True)
                else:
                    self._compare(shown, self._output(command))
            for check in checks:
                check()

    def _translated(self, text: str) -> str:
        text = text.replace(EXAMPLE, f"127.0.0.1:{self._port}")
        return re.sub(_ID, lambda found: self._ids.get(found[0], found[0]), text)

    def _output(self, command: str) -> list[str]:
        done = subprocess.run(
            ["bash", "-c", f"(exit {self._status})\n{command}"],
            cwd=self._directory,
            env=os.environ | {"CURL_HOME": str(self._directory)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=DEADLINE,
            check=False,
        )
        self._status = done.returncode
        return done.stdout.splitlines()

    def _start(self, command: str) -> Program:
        return Program(
            ["bash", "-c", command],
            cwd=self._directory,
            environ={"CURL_HOME": f"{self._directory}"},
        )

    def _end(self, shown: Shown, program: Program) -> None:
        wait_until_blocking(
            lambda: len(program.out.splitlines()) >= len(shown.lines),
            f"{shown.command} printed no more than {program.out}",
        )
        os.killpg(program.pid, signal.SIGINT)  # as a terminal does: all of a pipe
        program.wait()
        self._compare(shown, program.out.splitlines()[: len(shown.lines)])

    def _compare(self, shown: Shown, printed: list[str], *, so_far: bool = False) -> None:
        expected = shown.lines[: len(printed)] if so_far else shown.lines
        printed = printed[: len(expected)] if so_far else printed
        said = "\n".join([f"$ {shown.command}", *printed])
        assert len(printed) == len(expected), f"{len(expected)} lines were expected:\n{said}"
        for line, actual in zip(expected, printed, strict=True):
            pattern, unknown = self._pattern(line)
            match = re.fullmatch(pattern, actual)
            assert match, f"expected {line!r}:\n{said}"
            for known, real in zip(unknown, match.groups(), strict=True):
                assert real not in self._ids.values(), f"{known} is another id in {name(shown)}"
                self._ids[known] = real

    def _pattern(self, line: str) -> tuple[str, list[str]]:
        parts: list[str] = []
        unknown: list[str] = []
        for part in _SPECIAL.split(line):
            if part == "…":
                parts.append(".*")
            elif re.fullmatch(_TIME, part):
                parts.append(_TIME)
            elif not re.fullmatch(_ID, part):
                parts.append(re.escape(part))
            elif part in self._ids:
                parts.append(re.escape(self._ids[part]))
            elif part in unknown:
                parts.append(rf"\{unknown.index(part) + 1}")
            else:
                unknown.append(part)
                parts.append(f"({_ID})")
        return "".join(parts), unknown


def name(shown: Shown) -> str:
    """A command in one line."""
    return " ".join(shown.command.split())
