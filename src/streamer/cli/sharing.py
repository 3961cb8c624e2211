"""Where the processes of one run share what ``/metrics`` shows."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import msgspec
import rich_click as click

from ..config.settings import Settings
from ..prometheus.run_directory import run_directory


@contextlib.contextmanager
def sharing(settings: Settings) -> Iterator[Settings]:
    """`settings` with a directory for that, as long as the run lasts, if none is set.

    Raises:
        click.ClickException: there is no place for one.
    """
    if settings.metrics_dir is not None:
        yield settings
        return
    with contextlib.ExitStack() as stack:
        try:
            directory = stack.enter_context(run_directory())
        except OSError as error:
            raise click.ClickException(
                f"nothing can be written for what the processes count: {error.strerror or error}. "
                "Choose a directory with STREAMER_METRICS_DIR"
            ) from error
        yield msgspec.structs.replace(settings, metrics_dir=directory)
