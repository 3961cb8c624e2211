"""Every address asks what they may, and says the same of what they may not and what is not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
from litestar import Router, get
from litestar.params import FromPath

from streamer.access.grants import Grants
from streamer.config.settings import Settings
from streamer.eventlog.base import Place
from streamer.events.cursor import Cursor
from streamer.events.new_event import new_event
from streamer.events.page import Page
from streamer.events.snapshot import Snapshot
from streamer.events.topic import JOBS
from streamer.uploads.store import UploadStore
from streamer.uploads.stored import Record
from support.asking import ClosedStage, grants, status_of, target_of, ways_in
from support.push_service import Browser, PushService
from support.tus import TUS, metadata_of

#: What is the same for everybody, and what a load balancer asks.
OPEN: Final = frozenset(
    {
        *("/", "/web/{path}", "/client/{path}"),
        *("/healthz", "/readyz", "/api/v1/ws/health"),
        *("/schema", "/schema/openapi.json", "/schema/{path}"),
        *("/schema/asyncapi.json", "/schema/events.json"),
    }
)
#: The project, the job and the file of it that somebody else has.
NAME: Final = "x1"
#: The upload that somebody else has.
UPLOAD: Final = "5ec7e7" + 26 * "0"
#: What they shows nothing of, to whoever may not see it.
SECRET: Final = "secret-7c1f"

NOBODY: Final = grants("nobody")
ELSE: Final = grants("else", reads=("projects/y", "jobs/y"), writes=("projects/y", "jobs/y"))
READER: Final = grants("reader", reads=("projects/x1",))
ADMIN: Final = grants("admin", admin=True)
ALL: Final = (NOBODY, ELSE, READER, ADMIN)

#: Answered with a list of what may be seen: of nothing.
LISTS: Final = {
    "/api/v1/jobs": '{"jobs":[],"next":null}',
    "/api/v1/projects": '{"projects":[]}',
    "/api/v1/ws/connections": '{"total_projects":0,"total_connections":0,"projects":{}}',
}
#: Of what has no name that says whose it is: answered as if it were not there.
HIDDEN: Final = frozenset(
    {
        *("/api/v1/jobs/{job_id}", "/api/v1/jobs/{job_id}/status"),
        *("/api/v1/jobs/{job_id}/cancel", "/api/v1/jobs/{job_id}/retry", "/files/{name}"),
        *("/api/v1/streams/{stream_id}/token", "/api/v1/uploads/{upload_id}"),
        "/api/v1/openai/v1/responses/{response_id}",
        "/api/v1/openai/v1/responses/{response_id}/cancel",
        "/api/v1/openai/v1/chat/completions/{completion_id}",
    }
)

#: What is asked for by frames, each of which is refused: tests/dialects/ has them.
ASKED_LATER: Final = frozenset({"/api/v1/ws/videos"})

#: One's own, of whoever it is that has proved who they are: others have no part in it.
OWN: Final = frozenset(
    {
        *("/api/v1/ws", "/api/v1/ws/stats"),
        *("/api/v1/notifications", "/api/v1/notifications/read"),
        *("/api/v1/push/key", "/api/v1/push/subscriptions"),
    }
)

#: What an AI SDK asks.
ASKED: Final = (
    b'{"id":"x1","messages":[{"id":"m","role":"user","parts":[{"type":"text","text":"hello"}]}]}'
)

#: What is posted where the topics are in the body, or a body is looked at first.
BODIES: Final = {
    "/api/v1/events": b'{"type":"note","topic":"projects/x1"}',
    "/api/v1/tokens": b'{"publish":["projects/x1"]}',
    "/api/v1/push/subscriptions": json.dumps(
        Browser(PushService()).subscription(endpoint="https://fcm.googleapis.com/x")
    ).encode(),
    **dict.fromkeys(("/api/v1/ai/chats", "/api/v1/ai/chats/{chat_id}"), ASKED),
    "/api/v1/openai/v1/responses": b'{"model":"m","input":"hello","stream":true}',
    "/api/v1/openai/v1/chat/completions": b'{"model":"m","messages":[],"stream":true}',
    "/api/edit/trim": b'{"videoId":"x1","inputPath":"sample","startTime":0,"endTime":1}',
}

#: What is asked for where it is no project and no job, by the beginning of its path.
NAMES: Final = {"/files/": f"{NAME}.mp4", "/api/v1/uploads/": UPLOAD}
#: What every request of an upload has.
HEADERS: Final = {
    **TUS,
    "Upload-Metadata": metadata_of(project_id=NAME),
    "Upload-Length": "9",
    "X-HTTP-Method-Override": "DELETE",
}

Opened = Callable[..., ClosedStage]


@pytest.fixture
def opened(tmp_path: Path) -> Iterator[Opened]:
    """Stages, empty or with a project of somebody else's that has a job and its result."""
    stages: list[ClosedStage] = []

    def open_(*, filled: bool, **wired: Any) -> ClosedStage:  # noqa: ANN401 - as `create_app` has them
        output = tmp_path / ("filled" if filled else "empty")
        output.mkdir(exist_ok=True)
        # Without rates: what is left of them is of the moment.
        settings = Settings(
            output_dir=output,
            upload_dir=output / "uploads",
            send_timeout=5.0,
            publish_rate=0,
            job_rate=0,
            push_subject="mailto:ops@example.com",
            ai_url="http://127.0.0.1:9/v1",  # nobody is let through to it
        )
        stage = ClosedStage(*ALL, settings=settings, **wired)
        stages.append(stage)
        upload = Record(
            project=NAME, owner="admin", party="admin", filename=SECRET, length=9, metadata=SECRET
        )
        if filled:
            fill(stage)
            (output / f"{NAME}.mp4").write_text(SECRET)
            UploadStore(settings).create(upload, UPLOAD)
        return stage

    yield open_
    for stage in stages:
        stage.end()


def fill(stage: ClosedStage) -> None:
    fields = {"task_name": SECRET, "progress": 0.5, "job_id": NAME, "message": SECRET}
    event = new_event((f"projects/{NAME}", f"jobs/{NAME}"), "progress", fields)
    stage.loop.run(stage.log._log.append(event))
    # And one who reads it.
    stage.peer(f"/api/v1/projects/{NAME}/stream", "admin")
    stage.settle()


def ask(stage: ClosedStage, path: str, method: str, token: str | None) -> str:
    name = NAMES.get(path.split("{", maxsplit=1)[0], NAME)
    body = b"{}" if method == "POST" else b""
    if method in {"POST", "PUT", "DELETE"}:
        body = BODIES.get(path, body)
    headers = HEADERS if path.startswith("/api/v1/uploads") else None
    return stage.ask(
        target_of(path, method, name), token, method=method, body=body, headers=headers
    )


def without_chance(answer: str) -> str:
    """Without the time, and the name that was drawn for a recording which nobody may make."""
    answer = re.sub(r"(?im)^date: .*\r\n", "", answer)
    return re.sub(r"(resp_|chatcmpl-)[0-9a-f]{32}", r"\1", answer)


def is_refused(answer: str, path: str, method: str) -> bool:
    """As the table above says it is."""
    if path in OWN:
        return answer.startswith(("HTTP/1.1 101 ", "HTTP/1.1 200 ")) and SECRET not in answer
    if path in ASKED_LATER:
        return answer.startswith("HTTP/1.1 101 ") and SECRET not in answer
    if method == "WEBSOCKET":
        return answer.startswith("HTTP/1.1 101 ") and '"code":"forbidden"' in answer
    if path in LISTS:
        return status_of(answer) == 200 and answer.endswith(LISTS[path])
    return status_of(answer) == (404 if path in HIDDEN else 403)


def walk(stage: ClosedStage, token: str | None) -> dict[tuple[str, str], str]:
    """What each address that is not open answers."""
    return {
        (path, method): ask(stage, path, method, token)
        for path, method in ways_in(stage.app)
        if path not in OPEN
    }


def test_who_says_nothing_is_let_in_nowhere(opened: Opened) -> None:
    answers = walk(opened(filled=True), None)
    assert len(answers) > 25
    for (path, method), answer in answers.items():
        if method == "WEBSOCKET":
            assert '"code":"unauthorized"' in answer, path
        else:
            assert status_of(answer) == 401, (path, method)
            assert "www-authenticate: Bearer\r\n" in answer
        assert SECRET not in answer


@pytest.mark.parametrize("who", [NOBODY, ELSE], ids=lambda who: who.subject)
def test_who_may_do_nothing_there_is_told_nothing_anywhere(opened: Opened, who: Grants) -> None:
    answers = walk(opened(filled=True), who.subject)
    passed = [way for way, answer in answers.items() if not is_refused(answer, *way)]
    assert not passed, f"{passed} ask nobody what they may"
    assert not [way for way, answer in answers.items() if SECRET in answer]


@pytest.mark.parametrize("who", [NOBODY, ELSE], ids=lambda who: who.subject)
def test_what_may_not_be_seen_is_answered_as_what_is_not_there(opened: Opened, who: Grants) -> None:
    """Byte for byte, and the same is asked of the log."""
    answers, asked = [], []
    for filled in (True, False):
        stage = opened(filled=filled)
        stage.ask("/healthz")
        reads = recorded(stage)
        answers.append(
            {
                way: without_chance(said)
                for way, said in walk(stage, who.subject).items()
                if way[0] not in OWN  # where the log stands is no secret
            }
        )
        asked.append(reads)
    assert answers[0] == answers[1]
    # A list is of what may be seen, and all there is is looked through for it.
    # Whether an upload was cancelled is looked up for nobody, now and then.
    swept = ("snapshots", (f"jobs/{UPLOAD}",))
    assert [read for read in asked[0] if read[0] != "list" and read != swept] == asked[1]
    assert [name for name, _ in asked[1]].count("snapshots") > 3


def recorded(stage: ClosedStage) -> list[tuple[str, tuple[str, ...]]]:
    """What is read of the log from now on."""
    reads: list[tuple[str, tuple[str, ...]]] = []
    read, snapshots, index = stage.log.read, stage.log.snapshots, stage.log.topics
    listing = False

    async def reading(topics: Sequence[str], after: Cursor, limit: int) -> Page:
        reads.append(("read", tuple(topics)))
        return await read(topics, after, limit)

    async def looking(topics: Sequence[str]) -> dict[str, Snapshot]:
        nonlocal listing
        reads.append(("list" if listing else "snapshots", tuple(topics)))
        listing = False
        return await snapshots(topics)

    async def finding(prefix: str, limit: int, before: Place | None = None) -> dict[str, int]:
        nonlocal listing
        found = await index(prefix, limit, before)
        # A list of projects reads nothing else.
        listing = bool(found) and prefix == JOBS
        return found

    stage.log.read = reading  # type: ignore[method-assign]
    stage.log.snapshots = looking  # type: ignore[method-assign]
    stage.log.topics = finding  # type: ignore[method-assign]
    return reads


@get("/gossip/{project_id:str}")
async def gossip(project_id: FromPath[str]) -> dict[str, str]:
    """Of somebody who has not read CONTRIBUTING."""
    return {project_id: SECRET}


@pytest.mark.parametrize("prefix", ["/api/v1", "/other"])
def test_an_address_from_outside_that_asks_nobody_is_found(opened: Opened, prefix: str) -> None:
    """This walk can fail."""
    stage = opened(filled=True, routes=[Router(prefix, route_handlers=[gossip])])
    answers = walk(stage, "nobody")
    passed = [way for way, answer in answers.items() if not is_refused(answer, *way)]
    assert passed == [(f"{prefix}/gossip/{{project_id}}", "GET")]


def test_who_may_read_a_project_sees_all_that_is_in_it_and_changes_nothing(opened: Opened) -> None:
    stage = opened(filled=True)
    answers = walk(stage, "reader")
    refused = {way for way, said in answers.items() if SECRET not in said and way[1] != "HEAD"}
    reading = {"GET", "WEBSOCKET"}
    of_topics = {way for way in refused if way[0].startswith("/api/v1/topics/")}
    # Of `projects/x1`; the others are of topics that nobody has.
    own = {way for way in of_topics if "{s2}" in way[0] and "{s3}" not in way[0]}
    assert {way for way in of_topics if status_of(answers[way]) != 403} == own
    # Conversations of the name `x1`, which may not be read by whoever may read the project.
    chats = re.compile(r"/ws/chat/|/api/v1/(ai/|ag-ui/|openai/v1/)?chats")
    of_chats = {way for way in refused if chats.match(way[0])}
    assert {way for way in of_chats if way[1] == "GET" and status_of(answers[way]) != 403} == set()
    assert {way for way in refused - of_topics - of_chats if way[1] in reading} == {
        ("/api/v1/projects", "GET"),
        ("/api/v1/ws/connections", "GET"),
        ("/api/v1/ws/projects/{project_id}/connections", "GET"),
        *((path, "GET") for path in ("/api/v1/revocations", "/metrics")),  # an admin's
        ("/api/v1/admin/report", "GET"),
        ("/api/v1/admin/topics", "GET"),
        ("/api/v1/admin/topics/{topic}", "GET"),
        ("/api/v1/admin/retention", "GET"),
        *((path, "WEBSOCKET") for path in ASKED_LATER),
        *(("/api/v1/ws", method) for method in reading),
        *(("/api/v1/ws/admin", method) for method in reading),
        ("/api/v1/ws/stats", "GET"),
        ("/api/v1/notifications", "GET"),
        ("/api/v1/push/key", "GET"),
        # Recordings of that name, of which there are none.
        ("/api/v1/openai/v1/responses/{response_id}", "GET"),
        ("/api/v1/openai/v1/chat/completions/{completion_id}", "GET"),
    }
    assert answers["/api/v1/projects", "GET"].endswith('{"projects":[{"project_id":"x1"}]}')
    assert '"projects":{"x1":' in answers["/api/v1/ws/connections", "GET"]
    assert '"active_connections":' in answers["/api/v1/ws/projects/{project_id}/connections", "GET"]
    for (path, method), answer in answers.items():
        if method == "POST" and path not in OWN:
            # No stream or recording has that name, and the upload is not theirs.
            unknown = ("/api/v1/streams/", "/api/v1/uploads/", "/api/v1/openai/v1/responses/")
            assert status_of(answer) == (404 if path.startswith(unknown) else 403), path


def test_of_a_server_that_asks_the_number_of_readers_is_not_said_to_everybody(
    opened: Opened,
) -> None:
    answer = opened(filled=True).ask("/api/v1/ws/health")
    assert answer.endswith('{"status":"healthy","service":"streamer"}')
