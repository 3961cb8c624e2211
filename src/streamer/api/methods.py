"""Which methods an address answers to, and ``HEAD`` wherever ``GET`` is one of them."""

from __future__ import annotations

from typing import Any, Final

from litestar import Litestar
from litestar.exceptions import HTTPException
from litestar.utils import normalize_path

#: In the scope of a ``HEAD`` that is handled as a ``GET``.
_HEAD: Final = "streamer.head"
_METHODS: Final = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")


def methods_at(app: Litestar, scope: Any) -> list[str]:  # noqa: ANN401 - an HTTP scope
    """The methods of the address that `scope` is for, sorted; none if nothing is there."""
    found = {method for method in _METHODS if answers(app, scope, method)}
    return sorted(found | {"HEAD"} if "GET" in found else found)


def answers(app: Litestar, scope: Any, method: Any) -> bool:  # noqa: ANN401
    """Whether a handler takes `method` where `scope` is for."""
    path = scope["path"]
    if root_path := scope.get("root_path", ""):
        path = path.split(root_path, maxsplit=1)[-1]
    try:
        app.asgi_router.handle_routing(path=normalize_path(path), method=method)
    except HTTPException:
        return False
    return True


def as_get(app: Litestar, scope: Any) -> Any:  # noqa: ANN401
    """The scope of a ``HEAD`` as the handler of ``GET`` takes it (RFC 9110 section 9.3.2)."""
    if answers(app, scope, "HEAD") or not answers(app, scope, "GET"):
        return scope
    return {**scope, "method": "GET", _HEAD: True}


def is_head(scope: Any) -> bool:  # noqa: ANN401
    """Whether only the head of the answer is wanted: nobody waits for a body then."""
    return scope["method"] == "HEAD" or _HEAD in scope
