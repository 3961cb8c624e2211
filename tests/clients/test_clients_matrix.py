from __future__ import annotations

from functools import partial
from typing import Literal

import pytest

from support.client_matrix import CLIENTS
from support.client_page import publish_notes
from support.client_runner import ClientRunner
from support.client_story import live_through, stream_url, wait_for, wait_until_connected
from support.live import StartLive
from support.tcp_proxy import TcpProxy
from support.waiting import wait_until_blocking


def test_every_client_loses_and_doubles_nothing_over_cuts_a_crash_and_a_restart(
    start_live: StartLive, runner: ClientRunner, project: str
) -> None:
    """Called again where its table says so, each hands on each event once, in order."""
    live = start_live(STREAMER_RETRY_MS="100")
    with TcpProxy(("127.0.0.1", live.port)) as proxy:
        url = stream_url(proxy.url, project)
        clients = [runner.follow(one.adapter, url, label=one.name) for one in CLIENTS]
        live_through(live, proxy, clients, partial(publish_notes, live, f"projects/{project}"))


@pytest.mark.parametrize("how", ["cut", "end"])
def test_every_client_does_by_itself_what_the_table_says(
    how: Literal["cut", "end"], start_live: StartLive, runner: ClientRunner, project: str
) -> None:
    """With an application that does nothing, it comes back, its loop is over, or it raises."""
    live = start_live(STREAMER_RETRY_MS="100")
    with TcpProxy(("127.0.0.1", live.port)) as proxy:
        url = stream_url(proxy.url, project)
        clients = [runner.follow(one.adapter, url, label=one.name, once=True) for one in CLIENTS]
        wait_until_connected(clients)
        say = {one.name: one.after_cut if how == "cut" else one.after_end for one in CLIENTS}
        comes_back = [one for one in clients if say[one.name] == "resumes"]
        if how == "cut":
            proxy.cut()
        else:
            live.stop()
        wait_until_blocking(
            lambda: all(one.ended() for one in clients if one not in comes_back),
            f"not all that end did so; {[(one.name, one.does) for one in clients]}",
        )
        if how == "end":  # only now, so that each has seen that nobody is there
            live.start()
        publish_notes(live, f"projects/{project}", [0])
        wait_for(comes_back, 1)
        assert {one.name: one.ended() or "resumes" for one in clients} == say
