"""What the server processes of a log say of themselves, for whoever runs them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence

from ..config.rules import Rules
from ..config.settings import Settings
from ..errors import StreamerError
from ..eventlog.found import found_log_url
from ..eventlog.open import open_event_log
from ..operating.reports import ProcessReport, read_reports
from ..version import __version__
from .finding import Finding


def probe_processes(settings: Settings) -> list[Finding]:
    """Ask the log which servers use it, and by which rules; nothing where there is none."""
    url = found_log_url(settings)
    if url is None:
        return []

    async def look() -> tuple[list[ProcessReport], Rules]:
        log = open_event_log(settings, url=url)
        try:
            await log.rules.look()
            return await read_reports(log), log.rules.current
        finally:
            await log.close()

    try:
        reports, rules = asyncio.run(look())
    except StreamerError as error:
        return [Finding("Servers", error.detail, good=None)]
    return [*_servers(reports), *_rules(settings, reports, rules)]


def _servers(reports: Sequence[ProcessReport]) -> Iterator[Finding]:
    if not reports:
        yield Finding("Servers", "none uses this log now")
        return
    versions = Counter(report.version for report in reports)
    said = ", ".join(f"{count} of {version}" for version, count in sorted(versions.items()))
    if set(versions) == {__version__}:
        yield Finding("Servers", f"{said} use this log")
    else:
        found = f"{said} use this log, and this is {__version__}: upgrade all of them"
        yield Finding("Servers", found, good=None)
    if deaf := [report for report in reports if not report.log_up]:
        first = deaf[0]
        found = (
            f"{len(deaf)} of {len(reports)} do not hear the log, such as {first.host} "
            f"{first.pid}: look at what it logs"
        )
        yield Finding("Servers", found, good=False)


def _rules(settings: Settings, reports: Sequence[ProcessReport], rules: Rules) -> Iterator[Finding]:
    same = "give all servers the same STREAMER_RETENTION… and STREAMER_UNREAD"
    if followers := sum(report.follows for report in reports):
        found = f"{followers} of {len(reports)} servers follow the settings of another: {same}"
        yield Finding("Rules", found, good=None)
    own = Rules(settings.retention_policy(), settings.unread_policy(), by_hand=rules.set)
    is_same = (
        own.retention.default == rules.retention.default
        and own.retention.prefixes == rules.retention.prefixes
        and own.unread.prefixes == rules.unread.prefixes
    )
    if reports and not is_same:
        found = f"what this log keeps and counts is not what is set here: {same}"
        yield Finding("Rules", found, good=None)
    if rules.set:
        named = ", ".join(sorted(rules.set)[:5])
        yield Finding("Rules", f"what is kept of {named} was set by streamer retain")
