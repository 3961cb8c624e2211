from __future__ import annotations

from functools import partial

import httpx

from support.client_page import publish_notes
from support.client_runner import ClientRunner, wait_for_all
from support.client_story import SECRET, stream_url, wait_for, wait_until_connected
from support.connections import connections
from support.live import Live, StartLive
from support.tcp_proxy import TcpProxy
from support.waiting import wait_until_blocking

#: Of one page, say, in as many tabs.
LOOPING = 30
#: Times that each of them has come.
ROUNDS = 8


def open_at(live: Live) -> set[str]:
    assert live.program is not None
    return connections(live.program.pid, live.port)


def test_a_reconnect_loop_costs_the_server_a_connection_at_a_time(
    start_live: StartLive, runner: ClientRunner, project: str
) -> None:
    """`reconnecting-websocket` comes back whatever the close code: nothing of it is kept."""
    live = start_live(STREAMER_AUTH_SECRET=SECRET)
    reader = runner.follow("by_httpx_sse.py", stream_url(live.url, project, token=True))
    wait_until_connected([reader])
    before = open_at(live)
    assert len(before) == 1
    with TcpProxy(("127.0.0.1", live.port)) as proxy:
        url = stream_url(proxy.url, project)
        looping = [runner.follow("by_reconnecting_websocket.mjs", url) for _ in range(LOOPING)]
        wait_for_all(looping, lambda one: one.count("refused") >= ROUNDS, "did not come again")
        assert proxy.accepted >= LOOPING * ROUNDS
        assert len(open_at(live)) <= 1 + LOOPING
        publish_notes(live, f"projects/{project}", range(3))
        wait_for([reader], 3)
        health = httpx.get(f"{live.url}/healthz")
        assert health.status_code == httpx.codes.OK
    wait_until_blocking(lambda: open_at(live) == before, "a connection was left open")
    refusals = [body for one in looping for body in one.bodies()]
    assert {(body["type"], body["code"]) for body in refusals} == {("refused", "unauthorized")}


def test_undicis_wait_does_not_keep_node_alive(
    start_live: StartLive, runner: ClientRunner, project: str
) -> None:
    """As its advice says; `eventsource` waits, and comes back."""
    live = start_live(STREAMER_RETRY_MS="1000")
    with TcpProxy(("127.0.0.1", live.port)) as proxy:
        waits = partial(runner.follow, url=stream_url(proxy.url, project), once=True)
        wait_until_connected([waits("by_undici.mjs")])
        node = runner.programs["mjs"]
        node.close_input()
        proxy.cut()
        assert node.wait() == 0
