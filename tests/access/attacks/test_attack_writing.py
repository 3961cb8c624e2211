"""Whoever may only read changes nothing, and nobody who publishes speaks as the server."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest

import streamer
from streamer.events.event import CONTROL_TYPES
from streamer.events.new_event import new_event
from support.asking import status_of, ways_in
from support.tus import TUS, metadata_of
from support.victims import TOPICS, UPLOAD, VictimStage

API: Final = "/api/v1"
NOTE: Final = {"type": "note"}

#: What no other address looks at: a retry is known by its key, an upload by the others.
HEADERS: Final = {
    "Idempotency-Key": "k",
    **TUS,
    "Upload-Metadata": metadata_of(project_id="x1"),
    "Upload-Length": "9",
    "X-HTTP-Method-Override": "DELETE",
}
#: Every way to change something: an address and a body.
CHANGES: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "project": (f"{API}/projects/x1/events", NOTE),
    "project, live alone": (f"{API}/projects/x1/events?ephemeral=true", NOTE),
    **{f"to {topic}": (f"{API}/events", {**NOTE, "topic": topic}) for topic in TOPICS},
    **{f"to {topic} alone": (f"{API}/events", {**NOTE, "topics": [topic]}) for topic in TOPICS},
    "beside one of mine": (f"{API}/events", {**NOTE, "topics": ["projects/mine", "projects/x1"]}),
    "before one of mine": (f"{API}/events", {**NOTE, "topics": ["projects/x1", "projects/mine"]}),
    "the end of a job": (
        f"{API}/events",
        {"type": "completed", "task_name": "t", "topic": "jobs/v1", "job_id": "v1"},
    ),
    "a job": (f"{API}/projects/x1/jobs", {"kind": "transcode", "source": "sample"}),
    "a job, as older clients do": (f"{API}/projects/x1/generate", {"kind": "transcode"}),
    "a trim, as an editor does": (
        "/api/edit/trim",
        {"videoId": "x1", "inputPath": "v1.mp4", "startTime": 0, "endTime": 1},
    ),
    "a video, as an editor does": ("/api/upload", {}),
    "cancel": (f"{API}/jobs/v1/cancel", {}),
    "retry": (f"{API}/jobs/v1/retry", {}),
    "an upload": (f"{API}/uploads", {}),
    "the end of an upload": (f"{API}/uploads/{UPLOAD}", {}),
    "revoke": (f"{API}/revocations", {"sub": "7"}),
}


@pytest.mark.parametrize("who", ["reader", "mallory", "root"])
@pytest.mark.parametrize("change", CHANGES)
def test_whoever_may_not_publish_changes_nothing(house: VictimStage, change: str, who: str) -> None:
    """Not even an admin: that one reads, and takes back."""
    target, body = CHANGES[change]
    sent = json.dumps(body).encode()
    reading = [house.peer(f"{API}/stream?topic={topic}", "7") for topic in TOPICS]
    house.settle()
    before = [peer.take() for peer in reading]
    answer = house.ask(target, who, method="POST", body=sent, headers=HEADERS)
    if (change, who) == ("revoke", "root"):
        assert status_of(answer) == 201
        return
    # Who may not see a job either is answered as if there were none; an upload is seen by
    # whoever began it.
    hidden = (who == "mallory" and change in {"cancel", "retry"}) or UPLOAD in target
    assert status_of(answer) == (404 if hidden else 403)
    assert house.changed() == []
    assert [peer.take() for peer in reading] == before


#: What admins alone do to the log itself: the method, the address and the body.
UPKEEP = {
    "delete a topic": ("DELETE", f"{API}/admin/topics/{TOPICS[0]}", None),
    "keep less": ("PUT", f"{API}/admin/retention/projects", {"length": 1}),
    "keep as the servers say": ("DELETE", f"{API}/admin/retention/projects", None),
}


@pytest.mark.parametrize("who", ["7", "reader", "mallory"])
@pytest.mark.parametrize("change", UPKEEP)
def test_the_log_is_kept_by_admins_alone(house: VictimStage, change: str, who: str) -> None:
    method, target, body = UPKEEP[change]
    sent = b"" if body is None else json.dumps(body).encode()
    answer = house.ask(target, who, method=method, body=sent, headers=HEADERS)
    assert status_of(answer) == 403
    assert house.changed() == []


def test_every_address_that_changes_something_is_tried_here(house: VictimStage) -> None:
    """One that comes later is either here or of those that concern nobody else's things."""
    own = {f"{API}/tokens", f"{API}/streams/{{stream_id}}/token"}
    # What nobody else has is moved by them: how far they have read.
    own |= {path for path, _ in ways_in(house.app) if path.endswith("/cursor")}
    own |= {f"{API}/notifications/read", f"{API}/push/subscriptions"}
    # Somebody else's conversations have a file of their own.
    own |= {path for path, _ in ways_in(house.app) if "/chats/{chat_id}" in path}
    own |= {f"{API}/ai/chats"}
    # So have recordings, which are named by whoever may make one.
    own |= {path for path, _ in ways_in(house.app) if path.startswith(f"{API}/openai/v1/")}
    # And the log itself is kept by admins.
    own |= {path for path, _ in ways_in(house.app) if path.startswith(f"{API}/admin/")}
    tried = {target.partition("?")[0] for target, _ in CHANGES.values()}
    named = {
        path.replace("{project_id}", "x1").replace("{job_id}", "v1").replace("{upload_id}", UPLOAD)
        for path, method in ways_in(house.app)
        if method not in {"GET", "HEAD", "WEBSOCKET"}
    }
    assert named - own == tried


@pytest.mark.parametrize(
    "frame",
    [
        {"type": "publish", "topic": "projects/x1", "data": {}},
        {"type": "note", "topic": "projects/x1", "text": "x"},
        {"type": "completed", "topic": "jobs/v1", "task_name": "t", "result": None},
        {"type": "subscribe", "topic": "projects/x1", "publish": True},
        {"action": "publish", "topic": "projects/x1"},
        [{"type": "ping"}],
    ],
    ids=str,
)
def test_no_frame_publishes(house: VictimStage, frame: object) -> None:
    """Not even of one who may: commands are those of a reader."""
    for who in ("mallory", "7"):
        peer = house.peer(f"{API}/stream?topic=users/{who}", who, method="WEBSOCKET")
        peer.send_frames(json.dumps(frame))
        house.answer(peer)
        house.settle()
    assert house.changed() == []


# Types that clients take for the server's own


def test_every_event_of_the_server_is_of_a_type_that_nobody_publishes() -> None:
    """`error` alone is both: to the older address it says what was refused, as it always did."""
    source = Path(streamer.__file__).parent
    sent = {
        name
        for file in source.rglob("*.py")
        for name in re.findall(r'\bControl\(\s*"([a-z_]+)"', file.read_text(encoding="utf-8"))
    }
    assert {"connected", "expired", "refused"} <= sent
    assert sent - {"error"} <= CONTROL_TYPES


@pytest.mark.parametrize("control", sorted(CONTROL_TYPES))
@pytest.mark.parametrize("ephemeral", ["", "?ephemeral=1"], ids=["kept", "ephemeral"])
def test_nobody_publishes_as_the_server(house: VictimStage, control: str, ephemeral: str) -> None:
    body = json.dumps({"type": control, "code": "token_expired", "cursor": "9-9"}).encode()
    answer = house.ask(
        f"{API}/projects/mine/events{ephemeral}", "mallory", method="POST", body=body
    )
    assert status_of(answer) == 400
    assert '"code":"reserved_type"' in answer


@pytest.mark.parametrize("name", ["id", "type", "topic", "topics", "timestamp"])
def test_nobody_says_of_an_event_what_the_server_says(house: VictimStage, name: str) -> None:
    """Where it was published to, when, and after which: by these it is believed."""
    body = json.dumps({"type": "note", "deep": {name: 1}}).encode()
    assert (
        status_of(house.ask(f"{API}/projects/mine/events", "mallory", method="POST", body=body))
        == 201
    )
    before = house.kept("projects/mine")
    if name not in {"type", "topic", "topics"}:  # these are what it is, in a body
        for value in ("projects/x1", ["projects/x1"], None, 0):
            body = json.dumps({"type": "note", name: value}).encode()
            answer = house.ask(f"{API}/projects/mine/events", "mallory", method="POST", body=body)
            assert status_of(answer) == 400
    else:
        body = json.dumps({"type": "note", "topic": "projects/x1", "topics": ["users/7"]}).encode()
        answer = house.ask(f"{API}/projects/mine/events", "mallory", method="POST", body=body)
        assert status_of(answer) == 400
    assert house.kept("projects/mine") == before
    assert house.changed() == []


# Keys


@pytest.mark.parametrize("key", ["k", "v1:end", "by subject: k", "7\nk", "x" * 255])
def test_a_key_of_somebody_else_is_neither_learned_nor_taken(house: VictimStage, key: str) -> None:
    """Of the same topic: the answer is that of a key that nobody has used."""
    sent = {"Idempotency-Key": key}
    if "\n" in key:
        sent = {"Idempotency-Key": key.replace("\n", "%0A")}
    house.tokens.good["other"] = house.tokens.good["7"].__class__(
        "other", publish=house.tokens.good["7"].publish
    )
    ids = []
    for who in ("7", "other", "other", "7"):
        target = f"{API}/projects/x1/events"
        answer = house.ask(target, who, method="POST", body=b'{"type":"note"}', headers=sent)
        assert status_of(answer) == 201
        ids.append(answer.rpartition("\r\n")[2])
    assert ids[0] == ids[3]
    assert ids[1] == ids[2]
    assert ids[0] != ids[1]


def test_a_key_of_a_subject_is_not_that_of_a_subject_with_another_end(house: VictimStage) -> None:
    """``7`` with the key ``1k`` and ``71`` with the key ``k`` are two."""
    victim = house.tokens.good["7"]
    house.tokens.good["71"] = victim.__class__("71", publish=victim.publish)
    ids = set()
    for who, key in (("7", "1k"), ("71", "k")):
        answer = house.ask(
            f"{API}/projects/x1/events",
            who,
            method="POST",
            body=b'{"type":"note"}',
            headers={"Idempotency-Key": key},
        )
        ids.add(answer.rpartition("\r\n")[2])
    assert len(ids) == 2


def test_what_is_shown_of_a_refusal_is_of_the_one_who_asks(house: VictimStage) -> None:
    """No refusal says what is there: not the state of a job, nor who reads."""
    event = new_event(("jobs/v9",), "completed", {"task_name": "t", "result": "theirs"})
    house.loop.run(house.log._log.append(event))
    for job in ("v9", "n9"):
        answer = house.ask(f"{API}/jobs/{job}/cancel", "mallory", method="POST")
        assert status_of(answer) == 404
        assert "theirs" not in answer
