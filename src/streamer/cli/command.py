"""A command that refuses in one sentence: without a traceback, and without a password."""

from __future__ import annotations

import errno
import os
import sys
from typing import Any

import rich_click as click

from ..config.redacted import message
from ..config.server_url import InvalidServerURL
from ..errors import StreamerError


class Command(click.RichCommand):
    """One command of ``streamer``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - click's own
        """Refuse a wrong call, without the URLs that were typed: they may hold a password."""
        try:
            return super().parse_args(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(message(error.format_message()), error.ctx) from None

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - click's own
        """Run it; what the system or Streamer refuses is reported, with exit code 1."""
        try:
            result = super().invoke(ctx)
            # Here, not at exit, where nobody could say that the disk is full.
            sys.stdout.flush()
        except StreamerError as error:
            raise click.ClickException(error.detail) from error
        except InvalidServerURL as error:  # what only a resolver's rules refuse
            raise click.UsageError(str(error), ctx) from error
        except OSError as error:
            if error.errno == errno.EPIPE:  # as in `| head`: the reader has seen enough
                discard_output()
                ctx.exit(0)
            where = f"{error.filename}: " if error.filename else ""
            raise click.ClickException(f"{where}{error.strerror or error}") from error
        return result


def discard_output() -> None:
    """Write no more: Python flushes at exit, into a pipe that nobody reads."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
