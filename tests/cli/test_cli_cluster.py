"""Commands that run jobs, when the event log is in a cluster."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from streamer.cli.main import main


@pytest.mark.parametrize("command", ["run", "worker"])
def test_jobs_in_a_cluster_are_refused_at_start(command: str) -> None:
    """Saying what to set, before anything is started."""
    done = CliRunner().invoke(main, [command, "--redis-url", "redis+cluster://127.0.0.1:1"])
    assert done.exit_code == 2
    assert "STREAMER_BROKER_URL" in done.output


@pytest.mark.parametrize("command", ["run", "serve", "worker"])
def test_a_malformed_url_is_refused_at_start(command: str) -> None:
    """With the forms that are allowed."""
    done = CliRunner().invoke(main, [command, "--redis-url", "redis+sentinel://127.0.0.1:1"])
    assert done.exit_code == 2
    assert "redis+cluster://" in done.output
    assert "Traceback" not in done.output
