"""The group of commands, and its help with every setting."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

import rich_click as click

from ..config.redacted import message
from ..config.settings import SETTINGS
from ..version import __version__

if TYPE_CHECKING:
    from rich.console import RenderableType

_NAMES: Final = (
    *("run", "serve", "worker", "jobs", "tail", "publish", "notify"),
    *("relay", "token", "revoke", "check", "backup", "restore", "openapi"),
    *("top", "topics", "inspect", "delete", "retain"),
)


class _Commands(Mapping[str, click.Command]):
    """Each from the module of its name, imported when it is asked for.

    No command waits for what the others need.
    """

    def __getitem__(self, name: str) -> click.Command:
        if name not in _NAMES:
            raise KeyError(name)
        command: click.Command = getattr(import_module(f".{name}", __package__), name)
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(_NAMES)

    def __len__(self) -> int:
        return len(_NAMES)


class _Group(click.RichGroup):
    """A group whose help ends with the settings."""

    def resolve_command(
        self,
        ctx: Any,  # noqa: ANN401 - click's own
        args: list[str],
    ) -> tuple[str | None, Any, list[str]]:
        """Refuse what is not a command, without a URL that was typed there."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(message(error.format_message()), error.ctx) from None

    def format_epilog(self, ctx: click.RichContext, formatter: click.RichHelpFormatter) -> None:  # type: ignore[override]
        """Write every variable with its default and its line of help."""
        from rich.panel import Panel

        from .explained import NARROW

        shown = _settings_lines() if formatter.console.width < NARROW else _settings_table()
        title = "Settings: variables, their defaults (an option on the command line wins)"
        formatter.write(Panel(shown, title=title, title_align="left", border_style="dim"))
        super().format_epilog(ctx, formatter)


def _settings_table() -> RenderableType:
    from rich.table import Table

    table = Table(box=None, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(style="bold cyan", no_wrap=True)
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for setting in SETTINGS.values():
        table.add_row(setting.variable, setting.default, setting.help)
    return table


def _settings_lines() -> RenderableType:
    from rich.text import Text

    from .explained import explained

    return explained(
        (Text.assemble((setting.variable, "bold cyan"), f"  {setting.default}"), setting.help)
        for setting in SETTINGS.values()
    )


@click.group(
    cls=_Group,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Start with: streamer run",
)
@click.version_option(__version__, prog_name="streamer")
def main() -> None:
    """Publish from a worker, watch from anywhere, miss nothing without being told."""


# Not as an argument: a group looks at all that it is made with.
main.commands = _Commands()  # type: ignore[assignment]  # nobody adds any
