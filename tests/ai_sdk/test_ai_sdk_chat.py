"""The AI SDK's own chat, unchanged: whatever breaks, its text is whole, or it is not ready."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Final

import httpx
import pytest

from support.ai_place import Place
from support.ai_sdk import Tab, Tabs
from support.ai_server import chunk, whole
from support.nginx import nginx_before
from support.tcp_proxy import TcpProxy
from support.waiting import wait_until_blocking

HALF: Final = "The first half, 첫 번째, "
WHOLE: Final = f"{HALF}and the second: 👩‍👩‍👧.\n"


def in_the_middle(place: Place, tabs: Tabs, chat: str, url: str | None = None) -> Tab:
    """A tab whose question is half answered; the rest comes when the place lets go."""
    place.says(chat, [chunk(HALF), place.hold(), *whole("and the second: ", "👩‍👩‍👧.\n")])
    tab = tabs.open(url or place.live.url, chat)
    tab.send(chat)
    tab.shows("streaming", HALF)
    return tab


def last_part(tab: Tab) -> dict[str, object]:
    """The last part of the answer that a tab shows."""
    answer = tab.now().answer
    assert answer is not None
    part: dict[str, object] = answer["parts"][-1]
    return part


def test_an_answer_is_streamed_to_all_tabs_and_to_one_that_comes_late(
    place: Place, tabs: Tabs
) -> None:
    ada = in_the_middle(place, tabs, "two-tabs")
    bob = tabs.open(place.live.url, "two-tabs")
    bob.resume()
    bob.shows("streaming", HALF)
    place.let_go()
    names = set()
    for tab in (ada, bob):
        answer = tab.shows("ready", WHOLE).answer
        assert answer is not None
        names.add(answer["id"])
        assert last_part(tab)["state"] == "done"
        assert tab.truncated(WHOLE) == []
    assert len(names) == 1, "it is one message, wherever it is read"


def test_where_nothing_is_being_said_a_tab_stays_as_it_is(place: Place, tabs: Tabs) -> None:
    tab = tabs.open(place.live.url, "nobody")
    tab.resume()
    assert tab.shows("ready").said == 0


@pytest.mark.parametrize("reset", [False, True], ids=["end", "reset"])
def test_a_line_that_is_cut_is_no_end(place: Place, tabs: Tabs, *, reset: bool) -> None:
    """By either end that a connection can have; the rest comes to whoever resumes."""
    chat = f"cut-{reset}"
    with TcpProxy(("127.0.0.1", place.live.port)) as proxy:
        tab = in_the_middle(place, tabs, chat, proxy.url)
        proxy.cut(reset=reset)
        tab.shows("error", HALF)
        tab.resume()
        tab.shows("streaming", HALF)
        proxy.cut(reset=reset)
        tab.shows("error", HALF)
        place.let_go()
        watching = tabs.open(place.live.url, chat)
        watching.resume()
        watching.shows("ready", WHOLE)
        tab.resume()  # it is over meanwhile
        tab.shows("ready", WHOLE)
        assert tab.now().said == 2
    assert tab.truncated(WHOLE) == []


def test_a_stream_that_is_cut_at_any_frame_is_no_end(place: Place, tabs: Tabs) -> None:
    """Between two frames and within one, of a replay, and of what is live."""
    chat = "frames"
    pieces = [f"piece {number} " for number in range(6)]
    holds = [place.hold() for _ in pieces]
    steps = [step for pair in zip(pieces, holds, strict=True) for step in (chunk(pair[0]), pair[1])]
    place.says(chat, [*steps, *whole("end")])
    first = tabs.open(place.live.url, chat)
    first.send(chat)
    first.shows("streaming", pieces[0])
    # Each is cut after so many bytes of all that it will be written.
    cut = [tabs.open(place.live.url, chat, cuts=[at]) for at in range(0, 1000, 23)]
    for tab in cut:
        tab.resume()
    for number, hold in enumerate(holds[:-1]):
        hold.set()
        first.shows("streaming", "".join(pieces[: number + 2]))
    holds[-1].set()
    text = "".join(pieces) + "end"
    first.shows("ready", text)
    ends = {tab.name: wait_for_end(tab) for tab in cut}
    assert set(ends.values()) == {"error", "ready"}
    for tab in cut:
        assert tab.truncated(text) == [], "it says that it is ready"
        if ends[tab.name] == "error":
            tab.resume()
            tab.shows("ready", text)


def wait_for_end(tab: Tab) -> str:
    """Wait until a tab has come to an end, and say which."""

    def ended() -> str | None:
        status = tab.now().status
        return status if status in ("error", "ready") and tab.history else None

    return str(wait_until_blocking(ended, f"{tab.name} did not end"))


def test_what_is_sent_again_is_said_once(place: Place, tabs: Tabs) -> None:
    """A client whose line was cut before it was answered does not know whether it was heard."""
    place.says("again", whole("once"))
    message = {"id": "m1", "role": "user", "parts": [{"type": "text", "text": "again"}]}
    body = {"id": "again", "messages": [message], "trigger": "submit-message"}
    for _ in range(2):
        answered = httpx.post(f"{place.live.url}/api/v1/ai/chats/again", json=body)
        assert '"delta":"once"' in answered.raise_for_status().text
    said = httpx.get(f"{place.live.url}/api/v1/chats/again/messages").json()["messages"]
    assert [one["message"] for one in said] == ["once", "again"]


def test_an_answer_is_said_anew(place: Place, tabs: Tabs) -> None:
    place.says("anew", whole("not this"), whole("but this"))
    tab = tabs.open(place.live.url, "anew")
    tab.send("anew")
    tab.shows("ready", "not this")
    tab.again()
    assert tab.shows("ready", "but this").said == 2


def test_who_stops_an_answer_stops_it_for_all_and_its_part_says_that_it_is_not_whole(
    place: Place, tabs: Tabs
) -> None:
    ada = in_the_middle(place, tabs, "stop")
    bob = tabs.open(place.live.url, "stop")
    bob.resume()
    bob.shows("streaming", HALF)
    left = place.model.left
    stopped = httpx.post(f"{place.live.url}/api/v1/ai/chats/stop/stop")
    assert stopped.status_code in (200, 202)
    cem = tabs.open(place.live.url, "stop")
    for tab in (ada, bob):
        tab.shows("ready", HALF)
    cem.resume()
    cem.shows("ready", HALF)
    for tab in (ada, bob, cem):
        assert last_part(tab)["state"] == "streaming", "nothing says that it was stopped"
    wait_until_blocking(lambda: place.model.left > left, "the model was not left")


def test_who_leaves_stops_nothing(place: Place, tabs: Tabs) -> None:
    ada = in_the_middle(place, tabs, "leave")
    ada.leave()
    place.let_go()
    bob = tabs.open(place.live.url, "leave")
    bob.resume()
    bob.shows("ready", WHOLE)


def test_a_server_that_drains_cuts_and_the_next_one_goes_on(place: Place, tabs: Tabs) -> None:
    tab = in_the_middle(place, tabs, "drain")
    assert place.live.program is not None
    assert place.live.program.stop() == 0
    tab.shows("error", HALF)
    tab.resume()  # nobody is there
    tab.shows("error", HALF)
    place.live.start()
    tab.resume()
    tab.shows("streaming", HALF)
    place.let_go()
    tab.shows("ready", WHOLE)
    assert tab.truncated(WHOLE) == []


def test_nginx_passes_a_cut_on(place: Place, tabs: Tabs, short_dir: Path) -> None:
    """As deploy/proxies/nginx.conf has it, of a server that drains and of one that is killed."""
    with nginx_before((place.live.port, place.live.port), short_dir) as url:
        drained = in_the_middle(place, tabs, "nginx-drain", url)
        assert place.live.program is not None
        assert place.live.program.stop() == 0
        drained.shows("error", HALF)
        place.live.start()
        killed = in_the_middle(place, tabs, "nginx-kill", url)
        place.live.kill()
        killed.shows("error", HALF)
        place.live.start()
        place.let_go()
        for tab in (drained, killed):
            tab.resume()
            tab.shows("ready", WHOLE)
            assert tab.truncated(WHOLE) == []


def test_a_server_that_is_killed_costs_nothing(place: Place, tabs: Tabs) -> None:
    tab = in_the_middle(place, tabs, "killed")
    place.live.kill()
    tab.shows("error", HALF)
    place.let_go()  # the worker goes on
    place.live.start()
    tab.resume()
    tab.shows("ready", WHOLE)
    assert tab.truncated(WHOLE) == []


def test_a_worker_that_is_killed_is_no_end_and_the_next_one_begins_anew(
    place: Place, tabs: Tabs
) -> None:
    place.says("worker", [chunk(HALF), place.hold()], whole("another ", "one"))
    tab = tabs.open(place.live.url, "worker")
    tab.send("worker")
    tab.shows("streaming", HALF)
    late = tabs.open(place.live.url, "worker")
    late.resume()
    late.shows("streaming", HALF)
    place.worker.signal(signal.SIGKILL)
    place.worker.wait()
    place.start_worker()
    for one in (tab, late):
        one.shows("ready", "another one")
        assert one.truncated("another one") == []
        assert len((one.now().answer or {})["parts"]) == 2, "a step, and its text"


def test_a_redis_that_is_killed_is_no_end(place: Place, tabs: Tabs) -> None:
    """Whoever resumes meanwhile is told so; what was said meanwhile comes."""
    tab = in_the_middle(place, tabs, "redis")
    late = tabs.open(place.live.url, "redis")
    place.redis.kill()
    late.resume()
    late.shows("error")
    place.let_go()
    place.redis.start()
    if tab.now().status == "error":
        tab.resume()
    tab.shows("ready", WHOLE)
    late.resume()
    late.shows("ready", WHOLE)
    assert [*tab.truncated(WHOLE), *late.truncated(WHOLE)] == []


def test_who_posts_to_no_conversation_is_told_what_names_one(place: Place) -> None:
    body = {"messages": [{"role": "user", "parts": [{"type": "text", "text": "hello"}]}]}
    answered = httpx.post(f"{place.live.url}/api/v1/ai/chats", json=body)
    assert answered.status_code == 400
    assert "must have an id" in answered.json()["detail"]
