"""What stands behind the doors: the dialects that are there, found and never known."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module

from litestar.types import ControllerRouterHandler


def dialect_routes() -> Iterator[ControllerRouterHandler]:
    """The routes of every dialect of ours: one that is taken away is missed by nobody."""
    dialects = import_module(f"{__package__}.dialects")
    for module in pkgutil.iter_modules(dialects.__path__, f"{dialects.__name__}."):
        yield from import_module(module.name).ROUTES
