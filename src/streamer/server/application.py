"""An application of somebody else's, named as on uvicorn's command line."""

from __future__ import annotations

import sys
from typing import Any

from uvicorn.importer import ImportFromStringError, import_from_string


class NoApplication(Exception):
    """What is named is no application; its text says why."""


def application(where: str) -> Any:  # noqa: ANN401 - an ASGI app of any framework
    """Import ``module:name``, also from the working directory.

    Raises:
        NoApplication: there is no such module, or no such name in it, or that is no app.
        Exception: whatever the module raises while it is imported.
    """
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        found = import_from_string(where)
    except ImportFromStringError as error:
        raise NoApplication(str(error)) from error
    if not callable(found):
        raise NoApplication(f"{where} is no ASGI app: it is of the type {type(found).__name__}")
    return found
