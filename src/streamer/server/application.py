"""An application of somebody else's, named as on uvicorn's command line."""

from __future__ import annotations

import sys
from typing import Any

from uvicorn.importer import ImportFromStringError, import_from_string


def application(where: str) -> Any:  # noqa: ANN401 - an ASGI app of any framework
    """Import ``module:name``, also from the working directory.

    Raises:
        ValueError: there is no such module, or no such name in it.
        Exception: whatever the module raises while it is imported.
    """
    if "" not in sys.path:
        sys.path.insert(0, "")
    try:
        return import_from_string(where)
    except ImportFromStringError as error:
        raise ValueError(str(error)) from error
