"""A command whose refusals never quote a password."""

from __future__ import annotations

from typing import Any

import rich_click as click

from ..redacted import message


class Command(click.RichCommand):
    """One command of ``streamer``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - click's own
        """Refuse what is no call, without the URLs that were typed: they may hold a password."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(message(error.format_message()), error.ctx) from None
