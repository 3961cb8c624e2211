"""What our dependencies import at once, and a server does not use when it begins to serve.

- Litestar imports PyYAML, for a schema as YAML, and the debugger, for errors that are debugged:
  each has a module in its place that imports it when something of it is asked for.
- redis-py imports OpenTelemetry's SDK if it is installed, for metrics that a program may turn on
  in it. Nobody can, in a server of ours alone: it is told that there is none.

Each is left as it is where something has imported it already.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any, Final

LATER: Final = ("pdb", "yaml")
_TELEMETRY: Final = "opentelemetry"


def import_later() -> None:
    """Put a module in the place of each of `LATER`."""
    for name in LATER:
        if name not in sys.modules:
            sys.modules[name] = _Later(name)


@contextmanager
def without_telemetry() -> Iterator[None]:
    """Whoever looks for OpenTelemetry's SDK here finds none, unless it is imported already.

    As for `opentelemetry-instrument streamer serve`.
    """
    if _TELEMETRY in sys.modules:
        yield
        return
    sys.modules[_TELEMETRY] = None  # type: ignore[assignment]  # what `import` takes for "there is none"
    try:
        yield
    finally:
        sys.modules.pop(_TELEMETRY, None)


class _Later(ModuleType):
    """Is imported when something of it is asked for, and then is what was imported.

    importlib's own (`LazyLoader`) is loaded by whoever imports it next, used or not.
    """

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a module has
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)
