from __future__ import annotations

from typing import Literal

import pytest

from support.client_matrix import CLIENTS
from support.client_runner import ClientRunner
from support.client_story import SECRET, leave_alone, live_through, stream_url
from support.live import StartLive
from support.tcp_proxy import TcpProxy


def test_every_client_loses_and_doubles_nothing_over_cuts_a_crash_and_a_restart(
    start_live: StartLive, runner: ClientRunner, project: str
) -> None:
    """Called again where the table says so, each hands on each event once, in order.

    The server asks who comes, and each has a token.
    """
    live = start_live(STREAMER_RETRY_MS="100", STREAMER_AUTH_SECRET=SECRET)
    with TcpProxy(("127.0.0.1", live.port)) as proxy:
        url = stream_url(proxy.url, project, token=True)
        clients = [runner.follow(one.adapter, url, label=one.name) for one in CLIENTS]
        live_through(live, proxy, project, clients)


@pytest.mark.parametrize("how", ["cut", "end"])
def test_every_client_does_by_itself_what_the_table_says(
    how: Literal["cut", "end"], start_live: StartLive, runner: ClientRunner, project: str
) -> None:
    """With an application that does nothing, it comes back, its loop is over, or it raises."""
    live = start_live(STREAMER_RETRY_MS="100")
    with TcpProxy(("127.0.0.1", live.port)) as proxy:
        url = stream_url(proxy.url, project)
        clients = {
            one: runner.follow(one.adapter, url, label=one.name, once=True) for one in CLIENTS
        }
        leave_alone(how, live, proxy, project, clients)
