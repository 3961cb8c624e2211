"""``streamer serve`` whose log gives up and probes soon, so that tests of faults are short.

Its few readers are sent to as hundreds would be: by io_uring, where there is one.
"""

from __future__ import annotations

from typing import Any, Final
from unittest.mock import patch

from litestar import Litestar

from streamer.app import create_app
from streamer.config.settings import Settings
from streamer.eventlog.redis.log import RedisEventLog
from streamer.hub import fan_out
from streamer.server import server

#: Seconds that one command may take, in place of 5; two probes unheard are silence.
TIMEOUT: Final = 1.0
#: Seconds between two probes, in place of 2.
PROBE_INTERVAL: Final = 0.2


def _create(settings: Settings, **given: Any) -> Litestar:  # noqa: ANN401 - as `create_app` has it
    assert settings.redis_url is not None
    log = RedisEventLog(
        settings.redis_url,
        prefix=settings.prefix,
        retention=settings.retention_policy(),
        timeout=TIMEOUT,
        probe_interval=PROBE_INTERVAL,
    )
    return create_app(settings, log, **given)


if __name__ == "__main__":
    with patch.object(server, "create_app", _create), patch.object(fan_out, "FEW", 1):
        server.serve(Settings.from_env())
