"""Fixtures of the whole suite; each file of `support` is one kind of thing."""

from __future__ import annotations

import gc
from collections.abc import Generator

import pytest

pytest_plugins = [
    "support.patience",
    "support.trust",
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

#: Objects that come before the young ones are collected: an app of a test is many at once.
_YOUNG = 5000


def pytest_collection_finish() -> None:
    """Let nobody look again and again through twelve thousand tests: a quarter of all time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, *gc.get_threshold()[1:])


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
