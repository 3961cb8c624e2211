"""Readers whose bytes are one stream, such as compressed ones, are told all that others are."""

from __future__ import annotations

import pytest

from support.steps import Bounds, Come, Publish, Turn, run

BOUNDS = Bounds(1000, 1000, 512, 100, 65536, 256, 256)


@pytest.mark.parametrize("coding", ["", "gzip", "zstd"])
def test_a_first_visit_to_a_job_that_is_over_is_told_of_its_end(coding: str) -> None:
    """Its session is over when that is written, and it is in step already."""
    come = Come(("jobs/j",), "latest", 1 << 20, until_end=True, coding=coding)
    run(BOUNDS, [Publish(("jobs/j",), "completed", 1), come, Turn(20)])
