"""Options that are settings: each is checked like its variable, and wins over it."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, Final

import rich_click as click
from click import get_current_context

from ..config.settings import SETTINGS, InvalidSetting, Settings, unknown_variables

#: Key of `click.Context.meta`: the names of the settings given as options.
GIVEN: Final = "streamer.given"


def with_settings(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Give a command an option for each named setting, and ``settings`` as argument."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def call(**arguments: Any) -> Any:  # noqa: ANN401 - click's own
            given = {name: arguments.pop(name) for name in names}
            given = {name: text for name, text in given.items() if text is not None}
            get_current_context().meta[GIVEN] = frozenset(given)
            try:
                overrides = {
                    name: SETTINGS[name].check(text, _flag(name)) for name, text in given.items()
                }
                settings = Settings.from_env(**overrides)
            except InvalidSetting as error:
                raise click.UsageError(str(error)) from error
            return command(settings=settings, **arguments)

        wrapped: Callable[..., Any] = call
        for name in reversed(names):
            setting = SETTINGS[name]
            default = f" Default: {setting.default}." if setting.default else ""
            wrapped = click.option(
                _flag(name),
                name,
                metavar=name.rpartition("_")[2].upper(),
                help=f"{setting.help}{default} Variable: {setting.variable}.",
            )(wrapped)
        return wrapped

    return decorate


def misspelt() -> dict[str, str]:
    """Variables that look like settings and are not, each with a remark."""
    return {
        name: "is not a setting" + (f"; did you mean {nearest}?" if nearest else " of Streamer")
        for name, nearest in unknown_variables(os.environ).items()
    }


def warn_of_misspelt() -> None:
    """Report on standard error what was set in vain, as only `streamer check` would otherwise."""
    for name, why in misspelt().items():
        click.echo(f"{name} {why}", err=True)


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
