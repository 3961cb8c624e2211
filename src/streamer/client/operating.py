"""A log looked after over HTTP, for admins that cannot reach it itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from ..config.server_url import API
from .asking import ask

_PATH: Final = f"{API}/admin"


def report(url: str, *, token: str | None = None) -> dict[str, Any]:
    """Return what ``GET /api/v1/admin/report`` answers.

    Raises:
        Refused, InvalidServerURL: as `ask` says.
    """
    return ask("GET", url, f"{_PATH}/report", token=token)


def list_topics(url: str, query: Mapping[str, str], *, token: str | None = None) -> dict[str, Any]:
    """Return what ``GET /api/v1/admin/topics`` answers to `query`.

    Raises:
        Refused, InvalidServerURL: as `ask` says.
    """
    return ask("GET", url, f"{_PATH}/topics", query, token=token)


def inspect_topic(url: str, topic: str, *, token: str | None = None) -> dict[str, Any]:
    """Return what ``GET /api/v1/admin/topics/{topic}`` answers.

    Raises:
        Refused, InvalidServerURL: as `ask` says.
    """
    return ask("GET", url, f"{_PATH}/topics/{_quoted(topic)}", token=token)


def delete_topic(url: str, topic: str, *, force: bool, token: str | None = None) -> dict[str, Any]:
    """Delete a topic; return its name and the id of that.

    Raises:
        Refused, InvalidServerURL: as `ask` says.
    """
    query = {"force": "true"} if force else {}
    return ask("DELETE", url, f"{_PATH}/topics/{_quoted(topic)}", query, token=token)


def list_rules(url: str, *, token: str | None = None) -> dict[str, Any]:
    """Return what ``GET /api/v1/admin/retention`` answers.

    Raises:
        Refused, InvalidServerURL: as `ask` says.
    """
    return ask("GET", url, f"{_PATH}/retention", token=token)


def retain(
    url: str, prefix: str, kept: Mapping[str, float] | None, *, token: str | None = None
) -> dict[str, Any]:
    """Set what is kept of the topics of a prefix, or take that back (None).

    Raises:
        Refused, InvalidServerURL: as `ask` says.
    """
    method = "DELETE" if kept is None else "PUT"
    return ask(method, url, f"{_PATH}/retention/{_quoted(prefix)}", token=token, body=kept)


def _quoted(topic: str) -> str:
    return quote(topic, safe="/~")
