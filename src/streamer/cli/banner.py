"""What ``streamer run`` says: where everything is, and how to stop it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from ..config.settings import Settings
from ..version import __version__
from .redacted import without_password
from .strangers import who_is_let_in

#: The project that the page opens, and that the README's commands are about.
PROJECT: Final = "demo"


class Banner:
    """What is printed: a panel on a terminal, lines in a log file."""

    def __init__(self, console: Console | None = None) -> None:
        self._console: Final = console or Console(stderr=True, highlight=False)
        self._log = ""

    def log_at(self, redis_url: str) -> None:
        """Remember that the log is a Redis elsewhere."""
        self._log = without_password(redis_url)

    def log_in(self, data_dir: Path) -> None:
        """Remember that the log is our own server."""
        self._log = f"embedded, kept in {_shown(data_dir)}"

    def ready(
        self, settings: Settings, modules: Sequence[str] = (), *, reloads: bool = False
    ) -> None:
        """Say that the server answers, and where; and of a user's own modules, what runs them."""
        page = settings.base_url
        actors = ", ".join(modules) + (", reloaded when they change" if reloads else "")
        if not self._console.is_terminal:
            self._console.print(f"Streamer {__version__} is ready at {page}", soft_wrap=True)
            self._console.print(f"Event log: {self._log}", soft_wrap=True)
            if modules:
                self._console.print(f"Actors: {actors}", soft_wrap=True)
            self._console.print(who_is_let_in(settings), soft_wrap=True)
            return
        rows = Table.grid(padding=(0, 2))
        rows.add_column(style="dim")
        rows.add_column(overflow="fold")
        rows.add_row("Page", Text(page, style=f"bold cyan link {page}"))
        rows.add_row("Access", who_is_let_in(settings))
        rows.add_row("Event log", self._log)
        if modules:
            rows.add_row("Actors", actors)
        rows.add_row("Videos", _shown(settings.media_dir))
        rows.add_row("Results", _shown(settings.output_dir))
        rows.add_row("Watch", watch_command(settings))
        rows.add_row("Stop", Text.assemble(("Ctrl-C", "bold")))
        title = Text.assemble(("Streamer ", "bold"), (__version__, "dim"))
        panel = Panel.fit(
            rows, title=title, title_align="left", border_style="cyan", padding=(1, 2)
        )
        self._console.print(panel)

    def not_ready(self, why: str) -> None:
        """Say that the server answers and cannot serve, and that nobody has to do anything."""
        self.problem(f"Not ready yet ({why}); trying again until it is.")

    def problem(self, text: str) -> None:
        """Say what went wrong, and what is done about it."""
        self._console.print(Text(text, style="yellow"), soft_wrap=True)

    def stopping(self, text: str) -> None:
        """Say what is being stopped."""
        self._console.print(Text(text, style="dim"), soft_wrap=True)

    def stopped(self) -> None:
        """Say that nothing runs any more."""
        self._console.print(Text("Stopped.", style="dim"))


def watch_command(settings: Settings) -> str:
    """The command that follows what the page shows, as it works wherever it is pasted.

    The server is always named: another directory, or another machine, would find
    another or none.
    """
    # Quoted where it must be: a shell may take an IPv6 address for a pattern.
    return f"streamer tail projects/{PROJECT} --url {shlex.quote(settings.base_url)}"


def _shown(path: Path) -> str:
    """`path` from where the user is, if it is below; else in full."""
    try:
        return f"{path.relative_to(Path.cwd())}/"
    except ValueError:
        return f"{path}/"
