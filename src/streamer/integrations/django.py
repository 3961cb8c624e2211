"""Django: whose session a connection has."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from django.conf import settings  # type: ignore[import-untyped]
from django.contrib.auth import aget_user  # type: ignore[import-untyped]
from django.http import HttpRequest  # type: ignore[import-untyped]
from litestar.connection import ASGIConnection


async def django_user(connection: ASGIConnection[Any, Any, Any, Any]) -> Any:  # noqa: ANN401 - a model of the project's own
    """Return the user who is logged in to Django on `connection`; None if nobody is.

    For `authorize` of `create_app`. The session is looked up by the cookie, with the
    project's own engine and backends, as ``request.user`` is; a user who is not active is
    nobody.
    """
    request = HttpRequest()
    engine = import_module(settings.SESSION_ENGINE)
    request.session = engine.SessionStore(connection.cookies.get(settings.SESSION_COOKIE_NAME))
    user = await aget_user(request)
    return user if user.is_authenticated else None
