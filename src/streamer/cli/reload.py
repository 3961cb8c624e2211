"""``--reload``: which Python files below the working directory have changed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import rich_click as click


def check_reload(modules: tuple[str, ...]) -> None:
    """Refuse a ``--reload`` that could do nothing.

    Raises:
        click.UsageError: saying what is missing.
    """
    if not modules:
        raise click.UsageError("--reload goes with a MODULE: the built-in jobs do not change")
    try:
        import watchfiles  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise click.UsageError(
            "--reload needs the package watchfiles: pip install 'streamer-sse[reload]'"
        ) from error


async def changes(directory: Path) -> AsyncIterator[list[str]]:
    """Yield the names of files that changed at about the same time, without end.

    What an editor or a version control writes in one go is one change. Directories of other
    people's code, such as ``.venv`` and ``node_modules``, are left out.
    """
    from watchfiles import PythonFilter, awatch

    async for found in awatch(directory, watch_filter=PythonFilter(), raise_interrupt=False):
        yield sorted({_shown(Path(path), directory) for _, path in found})


def _shown(path: Path, directory: Path) -> str:
    return str(path.relative_to(directory)) if path.is_relative_to(directory) else str(path)
