"""What all clients of a test live through at once: they lose and double nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, Literal

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns

from .client_matrix import Client
from .client_page import publish_notes
from .client_runner import Followed, wait_for_all
from .live import Live
from .tcp_proxy import TcpProxy
from .waiting import wait_until_blocking

#: What the server says on a stream that nothing is wrong with: `reconnect` when it stops in
#: order, as a last whole frame.
CONTROL: Final = {"connected", "caught_up", "reconnect"}

#: Bytes of a stream that a heartbeat takes at least: of a WebSocket, a frame.
_HEARTBEAT: Final = 7

#: Not ASCII, and what some take for the end of a line.
_TEXT: Final = "\u00e9\u2028\u2029\u0085"


SECRET: Final = "0123456789abcdef" * 2


def stream_url(base: str, project: str, *, token: bool = False) -> str:
    """A stream that every client understands, with heartbeats that come while a test looks.

    With a `token` of SECRET, where every client can send it: in the address.
    """
    url = f"{base}/api/v1/projects/{project}/stream?events=message&heartbeat=1"
    if not token:
        return url
    grants = Grants("7", subscribe=Patterns([f"projects/{project}"]))
    return f"{url}&token={Issuer(SECRET).issue(grants, 3600.0)}"


def wait_until_connected(clients: Sequence[Followed]) -> None:
    wait_for_all(clients, lambda one: one.count("connected") >= 1, "were not connected")


def wait_for(clients: Sequence[Followed], count: int) -> None:
    """Wait until each of them has as many notes."""
    wait_for_all(clients, lambda one: len(one.numbers()) >= count, f"did not get {count} events")


def live_through(live: Live, proxy: TcpProxy, project: str, clients: Sequence[Followed]) -> None:
    """Break what is between `live` and its clients in each way, and check what each one got.

    Cut in the middle of an event, and just before its end; killed, and stopped in order.
    """
    wait_until_connected(clients)
    say = partial(publish_notes, live, f"projects/{project}", text=_TEXT)
    say(range(5))
    wait_for(clients, 5)
    quiet = proxy.forwarded["down"]
    wait_until_blocking(
        lambda: proxy.forwarded["down"] >= quiet + _HEARTBEAT * len(clients),
        "no heartbeats were sent",
    )
    assert proxy.truncate(40) == len(clients)
    say(range(5, 10))
    wait_for(clients, 10)
    # After the data of the next event, in its id: a chunk's size and `data: ` are before it.
    assert proxy.truncate(len(clients[0].data[-1].encode()) + 15) == len(clients)
    say(range(10, 15))
    wait_for(clients, 15)
    live.kill()
    say(range(15, 20))
    live.start()
    wait_for(clients, 20)
    live.stop()
    say(range(20, 25))
    live.start()
    wait_for(clients, 25)
    say([25])
    wait_for(clients, 26)
    wrong = [str(one) for one in clients if one.numbers() != list(range(26)) or one.phantoms()]
    assert not wrong, "\n".join(wrong)
    for one in clients:
        types = {body["type"] for body in one.bodies()}
        texts = {body["text"] for body in one.bodies() if body["type"] == "note"}
        assert texts == {_TEXT}, f"{one.name}: {texts}"
        assert types == CONTROL | {"note"}, f"{one.name}: {types}"


def leave_alone(
    how: Literal["cut", "end"],
    live: Live,
    proxy: TcpProxy,
    project: str,
    clients: Mapping[Client, Followed],
) -> None:
    """Break the stream once under clients that nobody calls again; check what each one does."""
    wait_until_connected(list(clients.values()))
    does = {one: one.after_cut if how == "cut" else one.after_end for one in clients}
    comes_back = [clients[one] for one in clients if does[one] == "resumes"]
    if how == "cut":
        proxy.cut()
    else:
        live.stop()
    others = [one for one in clients.values() if one not in comes_back]
    wait_for_all(others, lambda one: one.ended() is not None, "went on")
    if how == "end":  # only now, so that each of them has seen that nobody is there
        live.start()
    publish_notes(live, f"projects/{project}", [0])
    wait_for(comes_back, 1)
    assert {one: followed.ended() or "resumes" for one, followed in clients.items()} == does
