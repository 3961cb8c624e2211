"""Where a command looks after a log: through a server, or straight in the log."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, TypeVar

import msgspec
import rich_click as click

from ..config.redacted import message
from ..config.server_url import without_userinfo
from ..config.settings import Settings
from ..errors import StreamerError
from ..eventlog.found import found_log_url
from .find_server import server_url
from .refused import why

T = TypeVar("T")

#: The settings that say where it is, as options.
WHERE: Final = ("redis_url", "data_dir", "prefix", "url", "token")
#: Codes of errors that are about what was asked, and not about who, or where.
_ABOUT_IT: Final = ("not_found", "topic_busy", "too_many_rules")


class Refusal(Exception):
    """Why something cannot be done, in a sentence for a person."""

    def __init__(self, detail: str, *, code: str) -> None:
        super().__init__(detail)
        self.detail: Final = detail
        self.code: Final = code


class OperatingWay:
    """The server at --url where one is named; else the log, the shortest way; else a server.

    Every method returns what the address of the same name answers, and raises `Refusal`.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings: Final = settings
        self._log_url: Final = None if settings.url is not None else found_log_url(settings)

    def report(self) -> dict[str, Any]:
        """Return how all processes do now."""
        if self._log_url is None:
            from ..client.operating import report

            return self._over_http(lambda url, token: report(url, token=token))
        from ..operating.reports import sample

        return self._in_log(lambda log: sample(log, time.time_ns() // 1_000_000))

    def topics(self, pattern: str | None, sort: str, limit: int) -> dict[str, Any]:
        """List topics."""
        if self._log_url is None:
            from ..client.operating import list_topics

            query = {"sort": sort, "limit": str(limit)}
            if pattern is not None:
                query["pattern"] = pattern
            return self._over_http(lambda url, token: list_topics(url, query, token=token))
        from ..operating import topics

        order: topics.Order = "size" if sort == "size" else "newest"
        named = topics.Named(pattern)
        return self._in_log(lambda log: topics.list_topics(log, named, order, limit))

    def inspect(self, topic: str) -> dict[str, Any]:
        """Return all that is known of a topic."""
        if self._log_url is None:
            from ..client.operating import inspect_topic

            return self._over_http(lambda url, token: inspect_topic(url, topic, token=token))
        from ..operating.topic import inspect

        return self._in_log(lambda log: inspect(log, topic))

    def delete(self, topic: str, *, force: bool) -> dict[str, Any]:
        """Delete a topic."""
        if self._log_url is None:
            from ..client.operating import delete_topic

            return self._over_http(
                lambda url, token: delete_topic(url, topic, force=force, token=token)
            )
        from ..operating.topic import delete

        return self._in_log(lambda log: delete(log, topic, force=force))

    def rules(self) -> dict[str, Any]:
        """List what is kept, by prefix."""
        if self._log_url is None:
            from ..client.operating import list_rules

            return self._over_http(lambda url, token: list_rules(url, token=token))
        from ..operating.retaining import rules_of

        return self._in_log(rules_of)

    def retain(self, prefix: str, kept: Mapping[str, float] | None) -> dict[str, Any]:
        """Set what is kept of the topics of a prefix; None: what the settings say."""
        if self._log_url is None:
            from ..client.operating import retain

            return self._over_http(lambda url, token: retain(url, prefix, kept, token=token))
        from ..operating import retaining

        if kept is None:
            return self._in_log(lambda log: retaining.release(log, prefix))
        length, age = kept.get("length"), kept.get("age")
        return self._in_log(
            lambda log: retaining.retain(log, prefix, None if length is None else int(length), age)
        )

    def _over_http(self, ask: Callable[[str, str | None], T]) -> T:
        from ..client import Refused

        url = server_url(self._settings)
        try:
            return ask(url, self._settings.token)
        except Refused as error:
            if error.status == 0:  # it names the server itself, as it may be shown
                raise Refusal(error.detail, code="") from error
            detail = why(error, self._settings.token)
            if error.code not in _ABOUT_IT:
                detail = f"{without_userinfo(url)}: {detail}"
            raise Refusal(detail, code=error.code or "") from error

    def _in_log(self, ask: Callable[[Any], Awaitable[object]]) -> dict[str, Any]:
        from ..eventlog.open import open_event_log

        async def do() -> object:
            log = open_event_log(self._settings, url=self._log_url)
            try:
                return await ask(log)
            finally:
                await log.close()

        try:
            found: dict[str, Any] = msgspec.to_builtins(asyncio.run(do()))
        except StreamerError as error:
            raise Refusal(message(error.detail), code=error.code) from error
        return found


def or_fail(ask: Callable[[], T]) -> T:
    """Return what `ask` does; what is refused ends the command with exit code 1."""
    try:
        return ask()
    except Refusal as error:
        raise click.ClickException(error.detail) from error
