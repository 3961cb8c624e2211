"""What is somebody else's is read over no transport, beside nothing and by no cursor."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import Final

import pytest

from streamer.config.settings import Settings
from streamer.events.new_event import new_event
from support.asking import ClosedStage, grants, status_of
from support.victims import MALLORY, SECRET, TOPICS, VictimStage

API: Final = "/api/v1"
#: Each way to read several topics: a path and a method.
SEVERAL: Final = {
    "sse": (f"{API}/stream", "GET"),
    "sse without a body": (f"{API}/stream", "HEAD"),
    "websocket": (f"{API}/stream", "WEBSOCKET"),
    "poll": (f"{API}/events", "GET"),
    "long poll": (f"{API}/events", "GET"),
}
#: What is asked for beside what may be read.
ORDERS: Final = {
    "alone": ("theirs",),
    "last": ("projects/mine", "chats/1", "theirs"),
    "first": ("theirs", "projects/mine"),
    "twice": ("projects/mine", "theirs", "theirs", "projects/mine"),
}


def query_of(topics: tuple[str, ...], theirs: str, way: str) -> str:
    named = "&".join(f"topic={theirs if topic == 'theirs' else topic}" for topic in topics)
    further = {"long poll": "&wait=60", "poll": ""}.get(way, "&from=earliest")
    return named + further


def is_forbidden(answer: str, method: str) -> bool:
    if method == "WEBSOCKET":
        return '"code":"forbidden"' in answer and '"type":"connected"' not in answer
    return status_of(answer) == 403


@pytest.mark.parametrize(("way", "order", "theirs"), list(product(SEVERAL, ORDERS, TOPICS)))
def test_it_is_read_neither_alone_nor_beside_what_may_be_read(
    house: VictimStage, way: str, order: str, theirs: str
) -> None:
    """All of it or nothing: not even what may be read begins to come."""
    path, method = SEVERAL[way]
    query = query_of(ORDERS[order], theirs, way)
    peer = house.peer(f"{path}?{query}", "mallory", method=method)
    answer = house.answer(peer, method=method).decode("latin-1")
    assert is_forbidden(answer, method), answer
    assert "mine" not in answer.partition("\r\n\r\n")[2]
    house.tell()
    house.append("projects/mine", "later")
    house.settle()
    assert SECRET.encode() not in peer.take()
    assert b"later" not in peer.take()


@pytest.mark.parametrize("theirs", TOPICS)
def test_its_status_is_not_said(house: VictimStage, theirs: str) -> None:
    answer = house.ask(f"{API}/status?topic={theirs}", "mallory")
    # Of a job nobody says whether there is one.
    assert status_of(answer) == (404 if theirs.startswith("jobs/") else 403)
    assert SECRET not in answer


def test_topics_of_one_connection_do_not_open_others(house: VictimStage) -> None:
    """A subscription that is refused changes nothing, and those that are taken are asked about."""
    peer = house.peer(f"{API}/stream?topic=chats/1", "mallory", method="WEBSOCKET")
    commands = [
        *({"type": "subscribe", "topic": topic} for topic in TOPICS),
        {"type": "subscribe", "topic": "projects/mine"},
        *({"type": "subscribe", "topic": topic, "last_event_id": "0-0"} for topic in TOPICS),
        *({"type": "unsubscribe", "topic": topic} for topic in TOPICS),
        {"type": "unsubscribe", "topic": "chats/1"},
    ]
    peer.send_frames(*(json.dumps(command) for command in commands))
    said = house.answer(peer).decode("latin-1")
    assert said.count('"code":"forbidden"') == 2 * len(TOPICS)
    assert said.count('"type":"subscribed"') == 1
    assert said.count('"type":"unsubscribed"') == 1
    assert said.count("is not subscribed") == len(TOPICS)
    house.tell()
    house.append("projects/mine", "later")
    house.settle()
    assert SECRET.encode() not in peer.take()
    assert b"later" in peer.take()


@pytest.mark.parametrize("how", ["header", "last_event_id", "lastEventId", "from"])
@pytest.mark.parametrize("method", ["GET", "WEBSOCKET"])
@pytest.mark.parametrize("theirs", TOPICS)
def test_an_id_of_another_topic_is_a_position_and_opens_nothing(
    house: VictimStage, theirs: str, method: str, how: str
) -> None:
    """What is sent after it is what may be read; whether it is an event's is not said."""
    known, unknown = house.append(theirs, SECRET), house.append("projects/none", SECRET)
    number = house.publish("projects/mine")
    for id_ in (known, unknown):
        headers = {"Last-Event-ID": str(id_)} if how == "header" else {}
        query = "" if how == "header" else f"?{how}={id_}"
        peer = house.peer(
            f"{API}/projects/mine/stream{query}", "mallory", method=method, headers=headers
        )
        answer = house.answer(peer).decode("latin-1")
        assert SECRET not in answer
        assert '"type":"gap"' not in answer
        assert peer.numbers == [number]


@pytest.mark.parametrize("theirs", TOPICS)
def test_a_poll_after_an_id_of_another_topic_has_what_may_be_read(
    house: VictimStage, theirs: str
) -> None:
    known, unknown = house.append(theirs, SECRET), house.append("projects/none", SECRET)
    house.append("projects/mine", "later")
    bodies = [
        house.ask(f"{API}/projects/mine/events?after={id_}", "mallory").partition("\r\n\r\n")[2]
        for id_ in (known, unknown)
    ]
    assert bodies[0] == bodies[1]
    assert bodies[0].count('"text":"later"') == 1
    assert SECRET not in bodies[0]


def test_counts_are_of_what_may_be_read(house: VictimStage) -> None:
    for topic in TOPICS:
        house.peer(f"{API}/stream?topic={topic}", "7")
    house.peer(f"{API}/projects/mine/stream", "mallory")
    house.settle()
    answer = house.ask(f"{API}/ws/connections", "mallory")
    assert answer.endswith('{"total_projects":1,"total_connections":1,"projects":{"mine":1}}')
    assert status_of(house.ask(f"{API}/ws/projects/x1/connections", "mallory")) == 403
    assert status_of(house.ask(f"{API}/ws/projects/none/connections", "mallory")) == 403


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize(
    "name", ["v1.mp4", "none.mp4", "v1", "v1.MP4", "x1.mp4", "..", "v1.mp4%00"]
)
def test_a_result_is_for_those_who_may_read_its_job(
    house: VictimStage, name: str, method: str
) -> None:
    for headers in ({}, {"Range": "bytes=0-3"}, {"If-None-Match": "*"}):
        answer = house.ask(f"/files/{name}", "mallory", method=method, headers=headers)
        assert status_of(answer) == 404
        assert "etag" not in answer
    if name == "v1.mp4":
        assert status_of(house.ask(f"/files/{name}", "7", method=method)) == 200


# Jobs


def tell_of(house: ClosedStage, topics: tuple[str, ...], **fields: object) -> None:
    event = new_event(topics, "progress", {"task_name": "t", "progress": 0.5, **fields})
    house.loop.run(house.log._log.append(event))


def test_a_list_of_jobs_has_those_that_may_be_read(house: VictimStage) -> None:
    tell_of(house, ("projects/mine", "jobs/m1"))
    tell_of(house, ("jobs/mine",))
    tell_of(house, ("jobs/v2",))
    jobs = json.loads(house.ask(f"{API}/jobs", "mallory").partition("\r\n\r\n")[2])["jobs"]
    assert {job["job_id"] for job in jobs} == {"m1", "mine"}


def test_a_job_shows_nothing_of_parts_or_a_whole_in_another_project(house: VictimStage) -> None:
    """Neither of a job in mine that says it is a part of theirs, nor the other way round."""
    tell_of(house, ("projects/mine", "jobs/m1"), job_id="m1", parent_id="v1")
    tell_of(house, ("projects/x1", "jobs/v2"), job_id="v2", parent_id="m1", message=SECRET)
    for path in ("projects/mine/status", "jobs/m1/status", "jobs/m1"):
        answer = house.ask(f"{API}/{path}", "mallory")
        assert status_of(answer) == 200
        assert SECRET not in answer
        assert "v2" not in answer
    for path in ("projects/mine/stream", "jobs/m1/stream"):
        for method in ("GET", "WEBSOCKET"):
            answer = house.ask(f"{API}/{path}?from=earliest", "mallory", method=method)
            assert '"type":"connected"' in answer
            assert SECRET not in answer


def test_whoever_names_a_project_in_a_field_makes_no_job_of_it(house: VictimStage) -> None:
    """Neither is it read by the project, nor does its end come there."""
    body = json.dumps(
        {"type": "progress", "topic": "jobs/mine", "project_id": "x1", "progress": 0.1}
        | {"task_name": "t", "job_id": "v1"}
    ).encode()
    assert status_of(house.ask(f"{API}/events", "mallory", method="POST", body=body)) == 201
    shown = house.ask(f"{API}/jobs/mine", "mallory")
    assert '"project_id":"x1"' not in shown.partition('"tasks"')[0]
    assert status_of(house.ask(f"{API}/jobs/mine/cancel", "mallory", method="POST")) == 202
    assert house.changed() == []


def test_whoever_may_publish_to_a_job_does_not_show_it_to_a_project_of_theirs(
    tmp_path: Path,
) -> None:
    """Nor may their project cancel it: its first event said whose it is, be it nobody's."""
    worker = grants("worker", reads=("projects/own",), writes=("jobs/**", "projects/own"))
    house = ClosedStage(worker, settings=Settings(output_dir=tmp_path, publish_rate=0))
    try:
        tell_of(house, ("projects/x1", "jobs/of-x1"), message=SECRET)
        tell_of(house, ("jobs/of-nobody",), message=SECRET)
        for job in ("of-x1", "of-nobody"):
            fields = {"task_name": "t", "progress": 0.6}
            topics = ["projects/own", f"jobs/{job}"]
            body = json.dumps({"type": "progress", "topics": topics, **fields}).encode()
            posted = house.ask(f"{API}/events", "worker", method="POST", body=body)
            assert status_of(posted) == 201
            for way in ("status", "stream?from=earliest", ""):
                answer = house.ask(f"{API}/jobs/{job}/{way}".rstrip("/"), "worker")
                assert status_of(answer) in (403, 404)
                assert SECRET not in answer
        assert SECRET not in house.ask(f"{API}/jobs", "worker")
    finally:
        house.end()


def test_an_event_of_several_topics_is_shown_whole_to_who_may_read_one(house: VictimStage) -> None:
    """As the documents say: whoever publishes to both shows it to the readers of both."""
    peers = [
        house.peer(f"{API}/projects/mine/stream", "mallory", method=method)
        for method in ("GET", "WEBSOCKET")
    ]
    house.settle()
    event = new_event(("projects/x1", "projects/mine"), "note", {"text": "for both"})
    house.loop.run(house.log._log.append(event))
    house.settle()
    for peer in peers:
        assert b'"topics":["projects/x1","projects/mine"]' in peer.take()
        assert peer.take().count(b"for both") == 1
        assert SECRET.encode() not in peer.take()


@pytest.mark.parametrize("method", ["GET", "WEBSOCKET"])
def test_readers_of_one_topic_with_unequal_grants_share_it_and_nothing_else(
    house: VictimStage, method: str
) -> None:
    """What is written once for all is of topics that each of them asked for."""
    mine = house.peer(f"{API}/stream?topic=projects/mine&topic=chats/1", "mallory", method=method)
    both = house.peer(f"{API}/stream?topic=projects/mine&topic=users/7", "root", method=method)
    house.settle()
    house.tell()
    house.append("projects/mine", "for both")
    house.settle()
    assert SECRET.encode() not in mine.take()
    assert SECRET.encode() in both.take()
    for peer in (mine, both):
        assert peer.take().count(b"for both") == 1


def test_a_subject_is_its_own_topic_and_no_other_spelling_of_it() -> None:
    assert MALLORY.may_read("users/mallory")
    for other in ("users/Mallory", "users/mallory/x", "users", "users/*", "users/**", "users/"):
        assert not MALLORY.may_read(other)
