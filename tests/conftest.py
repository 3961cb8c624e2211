"""Fixtures of the whole suite; each file of `support` is one kind of thing."""

from __future__ import annotations

from collections.abc import Generator

import pytest

pytest_plugins = [
    "support.patience",
    "support.no_heartbeats",
    "support.replicated",
    "support.servers",
    "support.postgres",
    "support.live",
    "support.jobs",
    "support.own_project",
    "support.videos",
    "support.transcoding",
    "support.issuer",
    "support.push_service",
    "support.client_package",
    "support.ai_stage",
    "support.ai_place",
]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Let a report reach us from another process, whatever a test has logged.

    Lone surrogates, as in file names that are no UTF-8, cannot be sent.
    """
    report = yield
    report.sections = [
        (name, text.encode(errors="backslashreplace").decode()) for name, text in report.sections
    ]
    return report
