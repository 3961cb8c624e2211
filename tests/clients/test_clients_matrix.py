from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from support.client_matrix import CLIENTS, Client
from support.live import StartLive
from support.processes import Program
from support.tcp_proxy import TcpProxy
from support.waiting import wait_until_blocking

#: What the server itself may say on a stream that nothing is wrong with.
CONTROL = {"connected", "caught_up", "reconnect"}

every_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)


class Seen:
    """What a client has handed to its application."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def bodies(self) -> list[dict[str, Any]]:
        """All of it, in order; a phantom or half an event is no JSON, and fails here."""
        whole = self.program.out.rpartition("\n")[0]
        return [json.loads(json.loads(line)["data"]) for line in whole.splitlines()]

    def numbers(self) -> list[int]:
        return [body["n"] for body in self.bodies() if body["type"] == "note"]

    def connected(self) -> int:
        return sum(body["type"] == "connected" for body in self.bodies())

    def wait_for(self, count: int) -> None:
        try:
            wait_until_blocking(lambda: len(self.numbers()) >= count, f"event {count} did not come")
        except AssertionError as error:
            error.add_note(str(self.program))
            raise


def url_of(proxy: TcpProxy, project: str) -> str:
    return f"{proxy.url}/api/v1/projects/{project}/stream?events=message&heartbeat=1"


@every_client
def test_a_client_loses_and_doubles_nothing_over_a_cut_a_crash_and_a_restart(
    *,
    client: Client,
    start_live: StartLive,
    start_client: Callable[..., Program],
    publish: Callable[..., None],
    project: str,
) -> None:
    """Cut in the middle of an event, killed, stopped in order: each event comes once, in order."""
    live = start_live(STREAMER_RETRY_MS="100")
    with TcpProxy(("127.0.0.1", live.port)) as proxy:
        seen = Seen(start_client(client.adapter, url_of(proxy, project)))
        wait_until_blocking(lambda: seen.connected() == 1, "the client was not connected")
        publish(live, project, range(5))
        seen.wait_for(5)
        quiet = proxy.forwarded["down"]
        wait_until_blocking(lambda: proxy.forwarded["down"] > quiet, "no heartbeat was sent")
        assert proxy.truncate(40) == 1  # in the middle of the next event
        publish(live, project, range(5, 10))
        seen.wait_for(10)
        live.kill()
        publish(live, project, range(10, 15))
        live.start()
        seen.wait_for(15)
        live.stop()
        publish(live, project, range(15, 20))
        live.start()
        seen.wait_for(20)
        publish(live, project, [20])
        seen.wait_for(21)
    assert seen.numbers() == list(range(21))
    assert {body["type"] for body in seen.bodies()} - {"note"} <= CONTROL


@every_client
@pytest.mark.parametrize("how", ["cut", "end"])
def test_a_client_does_by_itself_what_the_table_says(
    *,
    client: Client,
    how: str,
    start_live: StartLive,
    start_client: Callable[..., Program],
    publish: Callable[..., None],
    project: str,
) -> None:
    """With an application that does nothing, it comes back, its loop is over, or it raises."""
    live = start_live(STREAMER_RETRY_MS="100")
    with ExitStack() as stack:
        proxy = stack.enter_context(TcpProxy(("127.0.0.1", live.port)))
        program = start_client(client.adapter, url_of(proxy, project), once=True)
        seen = Seen(program)
        wait_until_blocking(lambda: seen.connected() == 1, "the client was not connected")
        if how == "cut":
            proxy.cut()
        else:
            live.stop()
            live.start()
        does = client.after_cut if how == "cut" else client.after_end
        if does == "resumes":
            publish(live, project, [0])
            seen.wait_for(1)
        else:
            assert program.wait() == {"ends": 0, "raises": 3}[does], str(program)
