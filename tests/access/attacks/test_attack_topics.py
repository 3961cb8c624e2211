"""No spelling of a topic leads to one that may not be read or published to."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Final
from urllib.parse import quote

import pytest

from support.asking import status_of
from support.stage import Peer
from support.victims import SECRET, TOPICS, VictimStage

API: Final = "/api/v1"

#: Names that are put together with what may be read to mean what may not.
TRICKS: Final = {
    # Paths that somebody might normalize
    "up": "chats/../users/7",
    "up twice": "chats/1/../../users/7",
    "up from mine": "projects/mine/../x1",
    "up from an id": "mine/../x1",
    "here": "./users/7",
    "here within": "users/./7",
    "absolute": "/users/7",
    "two slashes": "users//7",
    "slash at the end": "users/7/",
    "backslash": "chats\\..\\users\\7",
    "query within": "chats/1?topic=users/7",
    "fragment within": "chats/1#/../users/7",
    "parameter within": "chats/1;/../users/7",
    # Encoded once or more
    "encoded slash": "chats%2F..%2Fusers%2F7",
    "encoded dots": "chats/%2e%2e/users/7",
    "encoded twice": "chats%252F%252E%252E%252Fusers%252F7",
    "overlong": "chats/%c0%ae%c0%ae/users/7",
    "encoded letter": "%75sers/7",
    "encoded id": "projects/%781",
    "utf-7": "+AHU-sers/7",
    # Letters that look alike, or become alike
    "upper case": "USERS/7",
    "mixed case": "Users/7",
    "upper case id": "projects/X1",
    "lower case": "chats/../chats/1",
    "fullwidth": "ｕｓｅｒｓ/７",  # noqa: RUF001 - the attack
    "fullwidth slash": "users／7",  # noqa: RUF001 - the attack
    "fullwidth dots": "chats/．．/users/7",  # noqa: RUF001 - the attack
    "cyrillic": "projects/х1",  # noqa: RUF001 - the attack
    "long s": "uſers/7",  # noqa: RUF001 - the attack
    "digit of another script": "users/\u0667",
    "combining": "projects/x1\u0301",
    "zero width": "projects/x\u200b1",
    "right to left": "\u202e7/sresu",
    "soft hyphen": "use\u00adrs/7",
    # What ends a text, or a line, too early
    "nul": "users/7\x00",
    "encoded nul": "users/7%00",
    "nul within": "chats/1\x00/../users/7",
    "newline": "chats/1\nusers/7",
    "encoded newline": "chats/1%0D%0Ausers/7",
    "newline at the end": "users/7\n",
    "space": "chats/1 users/7",
    "space around": " users/7 ",
    "tab": "users/7\t",
    "comma": "chats/1,users/7",
    # Patterns as topics
    "one": "*",
    "rest": "**",
    "pattern of mine": "chats/**",
    "pattern of one": "chats/*",
    "pattern of users": "users/*",
    "pattern of projects": "projects/*",
    "glob": "projects/x?",
    "class": "projects/[x]1",
    "braces": "{users/7,chats/1}",
    "encoded star": "%2A",
    "encoded rest": "users/%2A%2A",
    # What a store might take for something else
    "key of the log": "{streamer}:e:users/7",
    "list": '["users/7"]',
    "empty": "",
    "too deep": "chats/" + "a/" * 8 + "b",
    "too long": "chats/" + "a" * 65,
}
#: Those that are topics, which this one may read: of these nobody has anything.
OWN: Final = {"up", "up twice", "lower case"}

#: How a name is written into a URL: as it is, where that can be sent, and encoded.
WRITTEN: Final[dict[str, Callable[[str], str]]] = {
    "as it is": str,
    "once": lambda text: quote(text, safe=""),
    "twice": lambda text: quote(quote(text, safe=""), safe=""),
}


def in_one_line(text: str) -> bool:
    """Whether it can stand in the first line of a request."""
    return not re.search(r"[\x00-\x20\x7f]", text)


def targets(name: str) -> Iterator[tuple[str, str]]:
    """Every address that names a topic, and how it is asked."""
    last = name.rpartition("/")[2] if name.startswith(("projects/", "jobs/")) else name
    for written in (write(name) for write in WRITTEN.values()):
        for path in ("events", "status"):
            yield f"{API}/{path}?topic={written}", "GET"
            yield f"{API}/{path}?topic=chats/1&topic={written}", "GET"
        for method in ("GET", "WEBSOCKET"):
            yield f"{API}/stream?from=earliest&topic={written}", method
            yield f"{API}/stream?from=earliest&topic=chats/1&topic={written}", method
    for written in (write(text) for write in WRITTEN.values() for text in {name, last}):
        for path in ("stream?from=earliest", "events", "status"):
            yield f"{API}/projects/{written}/{path}", "GET"
            yield f"{API}/jobs/{written}/{path}", "GET"
        for path in (f"projects/{written}", f"ws/projects/{written}", f"jobs/{written}"):
            yield f"{API}/{path}/stream?from=earliest", "WEBSOCKET"
        yield f"{API}/jobs/{written}", "GET"
        yield f"{API}/ws/projects/{written}/connections", "GET"
        yield f"/files/{written}.mp4", "GET"
        yield f"/files/{written}", "GET"
        yield f"/web/{written}", "GET"


@pytest.mark.parametrize("trick", TRICKS)
def test_no_name_in_a_url_reads_what_may_not_be_read(house: VictimStage, trick: str) -> None:
    """On no address and no transport, then or when more of it is published."""
    peers: dict[tuple[str, str], Peer] = {}
    for target, method in targets(TRICKS[trick]):
        if in_one_line(target):
            peers[target, method] = peer = house.peer(target, "mallory", method=method)
            house.answer(peer)
    house.tell()
    answers = {way: peer.take().decode("latin-1") for way, peer in peers.items()}
    assert [way for way, answer in answers.items() if SECRET in answer] == []
    assert [way for way, answer in answers.items() if status_of(answer) >= 500] == []


@pytest.mark.parametrize("trick", TRICKS)
def test_no_name_in_a_frame_reads_what_may_not_be_read(house: VictimStage, trick: str) -> None:
    names = {TRICKS[trick], TRICKS[trick].partition("projects/")[2] or TRICKS[trick]}
    for name in sorted(names):
        peer = house.peer(f"{API}/projects/mine/stream", "mallory", method="WEBSOCKET")
        for more in ({}, {"last_event_id": "0-0"}):
            command = json.dumps({"type": "subscribe", "topic": name, **more})
            peer.send_frames(command, "ping")
            house.answer(peer)
        house.tell()
        said = peer.take().decode("latin-1")
        assert SECRET not in said
        assert ('"type":"subscribed"' in said) == (trick in OWN)
        assert '"type":"pong"' in said, "the connection lives"


@pytest.mark.parametrize("trick", TRICKS)
def test_no_name_publishes_where_nothing_may_be_published(house: VictimStage, trick: str) -> None:
    """Neither in a body nor in a URL; nor is a job queued there, or one cancelled."""
    name = TRICKS[trick]
    ways = [
        (f"{API}/events", {"type": "note", "topic": name}),
        (f"{API}/events", {"type": "note", "topics": [name]}),
        (f"{API}/events", {"type": "note", "topics": ["projects/mine", name]}),
        (f"{API}/events?ephemeral=true", {"type": "note", "topic": name}),
    ]
    for written in (write(name) for write in WRITTEN.values()):
        if in_one_line(written):
            ways += [(f"{API}/projects/{written}/events", {"type": "note"})]
            ways += [(f"{API}/projects/{written}/jobs", {"kind": "transcode", "source": "sample"})]
            ways += [(f"{API}/jobs/{written}/cancel", {})]
    listening = [house.peer(f"{API}/stream?topic={topic}", "7") for topic in TOPICS]
    house.settle()
    before = [peer.take() for peer in listening]
    for target, body in ways:
        answer = house.ask(target, "mallory", method="POST", body=json.dumps(body).encode())
        published = "/api/v1/events" in target and trick in OWN
        assert status_of(answer) == 201 if published else 400 <= status_of(answer) < 500, target
    assert house.changed() == []
    assert [peer.take() for peer in listening] == before


@pytest.mark.parametrize("name", ["*", "**", "projects/*", "users/**", "chats/*", "%2A%2A"])
@pytest.mark.parametrize("who", ["mallory", "reader", "root"])
def test_a_pattern_is_no_topic_even_for_those_who_may_read_all_it_covers(
    house: VictimStage, name: str, who: str
) -> None:
    for target, method in targets(name):
        answer = house.ask(target, who, method=method)
        assert SECRET not in answer
        if method == "WEBSOCKET":
            assert '"type":"connected"' not in answer, target
        else:
            assert status_of(answer) in {400, 403, 404}, target


def test_by_its_name_all_of_these_lead_there_for_whom_it_is(house: VictimStage) -> None:
    """Else the tests above would show nothing."""
    for name in ("users/7", "projects/x1"):
        passed = {
            (target.partition("?")[0].replace(quote(name, safe=""), name), method)
            for target, method in targets(name)
            if SECRET in house.ask(target, "7", method=method)
        }
        several = {(f"{API}/{path}", "GET") for path in ("stream", "events")}
        own = {(f"{API}/projects/x1/{path}", "GET") for path in ("stream", "events", "status")}
        own |= {(f"{API}/{path}projects/x1/stream", "WEBSOCKET") for path in ("", "ws/")}
        assert passed >= several | {(f"{API}/stream", "WEBSOCKET")}
        assert name == "users/7" or passed >= own
    peer = house.peer(f"{API}/stream?topic=admin", "7", method="WEBSOCKET")
    peer.send_frames('{"type":"subscribe","topic":"users/7","last_event_id":"0-0"}')
    assert SECRET.encode() in house.answer(peer)
