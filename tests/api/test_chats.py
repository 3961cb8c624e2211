"""Conversations over HTTP: what is said, by whom, and what was said before."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import pytest

from streamer.access.claims import grants_of
from streamer.access.issue import Issuer
from streamer.config.settings import Settings
from streamer.errors import LogUnavailable
from streamer.events.cursor import Cursor
from streamer.events.new_event import new_event
from support.stage import Peer, Stage

SECRET: Final = "0123456789abcdef" * 2
CHAT: Final = "chats/42"
URL: Final = "/api/v1/chats/42/messages"
REACTIONS: Final = "/api/v1/chats/42/reactions"
TYPING: Final = "/api/v1/chats/42/typing"


@pytest.fixture
def stage() -> Iterator[Stage]:
    opened = Stage(Settings(auth_secret=SECRET))
    yield opened
    opened.end()


@pytest.fixture
def open_stage() -> Iterator[Stage]:
    """Where nobody is asked who they are."""
    opened = Stage()
    yield opened
    opened.end()


def token(user: str = "7", name: str = "Ada", *, reads: str = CHAT, writes: str = CHAT) -> str:
    ours = {"subscribe": [reads], "publish": [writes]}
    return Issuer(SECRET).issue(grants_of({"sub": user, "name": name, "streamer": ours}), 3600.0)


Answer = tuple[int, Any]


def ask(
    stage: Stage, target: str = URL, said: object = None, *, by: str | None = None, key: str = ""
) -> Answer:
    """What is answered to whoever asks, or says something."""
    headers = {} if by is None else {"Authorization": f"Bearer {by}"}
    body = b"" if said is None else said if isinstance(said, bytes) else msgspec.json.encode(said)
    if said is not None:
        headers["Content-Length"] = str(len(body))
    if key:
        headers["Idempotency-Key"] = key
    method = "GET" if said is None else "POST"
    peer = Peer(stage, target, headers, method=method, body=body)
    for _ in range(4):
        stage.settle()
    head, _, rest = peer.take().partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), msgspec.json.decode(rest) if rest else None


def kept(stage: Stage, topic: str = CHAT) -> list[dict[str, Any]]:
    page = stage.loop.run(stage.log._log.read([topic], Cursor(0, 0), 1000))
    return [msgspec.json.decode(event.body) for event in page.events]


def tell(stage: Stage, event_type: str, **fields: Any) -> str:  # noqa: ANN401
    new = new_event(CHAT, event_type, fields, by_server=event_type.startswith("user_"))
    return str(stage.loop.run(stage.log._log.append(new)))


def ids(answer: Answer) -> list[str]:
    return [body["id"] for body in answer[1]["messages"]]


def test_a_message_is_kept_with_who_said_it(stage: Stage) -> None:
    """Who it is, is in the token alone; the id of the event is that of the message."""
    status, answer = ask(stage, said={"message": "hello"}, by=token())
    [body] = kept(stage)
    assert (status, answer) == (201, {"id": body["id"]})
    said = {name: body[name] for name in ("type", "topic", "message", "is_user")}
    assert said == {"type": "message", "topic": CHAT, "message": "hello", "is_user": True}
    assert (body["user"], body["username"]) == ("7", "Ada")
    assert {"attachments", "reply_to"}.isdisjoint(body)


def test_who_has_no_name_is_called_by_their_subject(stage: Stage) -> None:
    ask(stage, said={"message": "hello"}, by=token(name=""))
    assert kept(stage)[0]["username"] == "7"


def test_a_message_has_files_and_answers_another(stage: Stage) -> None:
    file = {"url": "/files/cat.png", "name": "cat.png", "content_type": "image/png", "size": 5}
    said = {"attachments": [file, {"url": "https://a.example/b", "name": "b"}], "reply_to": "7-0"}
    assert ask(stage, said=said, by=token())[0] == 201
    [body] = kept(stage)
    assert (body["message"], body["reply_to"]) == ("", "7-0")
    assert body["attachments"] == [file, {"url": "https://a.example/b", "name": "b"}]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"{", "invalid_json"),
        ([], "invalid_fields"),
        ({}, "invalid_fields"),
        ({"message": " \n"}, "invalid_fields"),
        ({"message": 7}, "invalid_fields"),
        ({"message": "x" * 16_001}, "invalid_fields"),
        ({"message": "x", "user": "8"}, "invalid_fields"),
        ({"message": "x", "reply_to": "the first"}, "invalid_cursor"),
        ({"message": "x", "attachments": [{"url": "/a"}]}, "invalid_fields"),
        ({"message": "x", "attachments": [{"url": "/a", "name": "a"}] * 11}, "invalid_fields"),
        *(
            ({"message": "x", "attachments": [{"url": url, "name": "a"}]}, "invalid_fields")
            for url in ("javascript:alert(1)", "//evil.example", "/\\evil", "/\t/evil", "data:,x")
        ),
    ],
)
def test_what_is_no_message_is_refused_and_not_kept(stage: Stage, said: object, code: str) -> None:
    status, answer = ask(stage, said=said, by=token())
    assert (status, answer["code"]) == (400, code)
    assert kept(stage) == []


def test_a_message_that_is_sent_twice_is_said_once(stage: Stage) -> None:
    """A key is its subject's own: nobody is given the id of somebody else's message."""
    first, again = (ask(stage, said={"message": "x"}, by=token(), key="k")[1] for _ in range(2))
    other = ask(stage, said={"message": "y"}, by=token("8", "Bob"), key="k")[1]
    assert first == again != other
    assert [body["username"] for body in kept(stage)] == ["Ada", "Bob"]


def test_who_may_not_publish_there_says_nothing(stage: Stage) -> None:
    reader = token(writes="chats/43")
    for target, said in (
        (URL, {"message": "x"}),
        (REACTIONS, {"message_id": "1-0", "reaction": "👍"}),
        (TYPING, {}),
    ):
        assert ask(stage, target, said, by=reader)[0] == 403
        assert ask(stage, target, said)[0] == 401
    assert kept(stage) == []


def test_who_may_not_read_there_is_told_nothing(stage: Stage) -> None:
    assert ask(stage, by=token(reads="chats/43"))[0] == 403
    assert ask(stage)[0] == 401


@pytest.mark.parametrize("query", ["user_id=8", "username=Bob", "user_id=7&username=Bob"])
def test_nobody_speaks_as_somebody_else(stage: Stage, query: str) -> None:
    assert ask(stage, f"{URL}?{query}", {"message": "x"}, by=token())[0] == 403
    assert ask(stage, f"{URL}?user_id=7&username=Ada", {"message": "x"}, by=token())[0] == 201


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ({"type": "message", "message": "x"}, 201),
        ({"type": "message", "message": "x", "user": "7", "username": "Ada"}, 201),
        ({"type": "message", "message": "x", "user": "8"}, 403),
        ({"type": "message", "message": "x", "username": "Bob"}, 403),
        ({"type": "message", "message": "x", "is_user": False}, 403),
        ({"type": "reaction", "reaction": "x", "user": "8"}, 403),
        ({"type": "typing", "user": "8"}, 403),
        ({"type": "ai_complete", "message": "x"}, 403),
        ({"type": "ai_chunk", "chunk": "x"}, 403),
        ({"type": "user_join", "user": "8"}, 400),
        ({"type": "user_leave", "user": "7"}, 400),
        ({"type": "note", "user": "8"}, 201),
    ],
)
@pytest.mark.parametrize("several", [False, True])
def test_nor_by_publishing_to_the_conversation(
    stage: Stage, said: dict[str, Any], status: int, *, several: bool
) -> None:
    """Nor to another topic and, beside it, to the conversation."""
    topics = {"topics": ["projects/p", CHAT]} if several else {"topic": CHAT}
    ours = {"subscribe": [CHAT], "publish": [CHAT, "projects/p"]}
    by = Issuer(SECRET).issue(grants_of({"sub": "7", "name": "Ada", "streamer": ours}), 3600.0)
    assert ask(stage, "/api/v1/events", {**topics, **said}, by=by)[0] == status
    found = kept(stage)
    assert len(found) == (status == 201)
    if found and said["type"] == "message":
        assert (found[0]["user"], found[0]["username"], found[0]["is_user"]) == ("7", "Ada", True)


def test_where_nobody_is_asked_they_say_who_they_are(open_stage: Stage) -> None:
    for query in ("?user_id=7&username=Ada", "?username=Bob", "?user_id=8", ""):
        assert ask(open_stage, URL + query, {"message": "x"})[0] == 201
    found = [(body["user"], body["username"]) for body in kept(open_stage)]
    assert found == [("7", "Ada"), ("Bob", "Bob"), ("8", "8"), ("anybody", "anybody")]


@pytest.mark.parametrize("query", ["username=", "user_id=%0A", "username=" + "x" * 256, "name=A"])
def test_a_name_that_is_none_is_refused(open_stage: Stage, query: str) -> None:
    assert ask(open_stage, f"{URL}?{query}", {"message": "x"})[0] == 400


@pytest.mark.parametrize("chat", ["a%252Fb", "x" * 65, "%20", "*"])
def test_a_conversation_that_is_none_is_refused(open_stage: Stage, chat: str) -> None:
    assert ask(open_stage, f"/api/v1/chats/{chat}/messages")[0] == 400
    assert ask(open_stage, f"/api/v1/chats/{chat}/messages", {"message": "x"})[0] == 400


@pytest.mark.parametrize("reaction", ["👍", "👩🏽‍❤️‍💋‍👨🏽", "+1"])
def test_a_reaction_is_kept_and_taken_back(stage: Stage, reaction: str) -> None:
    said = {"message_id": "7-0", "reaction": reaction}
    assert ask(stage, REACTIONS, said, by=token())[0] == 201
    assert ask(stage, REACTIONS, {**said, "added": False}, by=token())[0] == 201
    found = [(b["type"], b["user"], b["reaction"], b["added"]) for b in kept(stage)]
    assert found == [("reaction", "7", reaction, True), ("reaction", "7", reaction, False)]


@pytest.mark.parametrize(
    "said",
    [
        {"reaction": "👍"},
        {"message_id": "x", "reaction": "👍"},
        *(
            {"message_id": "7-0", "reaction": text}
            for text in ("", "x" * 17, "a b", "\n", "\u0007", "\ue000", 7)
        ),
    ],
)
def test_what_is_no_reaction_is_refused(stage: Stage, said: dict[str, Any]) -> None:
    assert ask(stage, REACTIONS, said, by=token())[0] == 400
    assert kept(stage) == []


def test_who_types_is_seen_by_those_who_read_and_not_kept(stage: Stage) -> None:
    by = token()
    reader = Peer(stage, f"/api/v1/stream?topic={CHAT}", {"Authorization": f"Bearer {by}"})
    stage.settle()
    assert ask(stage, TYPING, {}, by=by) == (204, None)
    assert b'"user":"7","username":"Ada","is_typing":true' in reader.take()
    assert ask(stage, TYPING, {"is_typing": 1}, by=by)[0] == 400
    assert kept(stage) == []


def test_messages_answers_and_reactions_are_listed_the_newest_first(stage: Stage) -> None:
    first = tell(stage, "message", message="hello")
    for moment in ("ai_chunk", "user_join", "user_leave", "note"):
        tell(stage, moment)
    whole = tell(stage, "ai_complete", message="hi")
    liked = tell(stage, "reaction", reaction="👍")
    status, answer = ask(stage, by=token())
    assert (status, answer["next"]) == (200, None)
    assert ids((status, answer)) == [liked, whole, first]
    assert answer["messages"][2]["message"] == "hello"


def test_a_list_goes_on_where_it_ended_whatever_is_said_meanwhile(stage: Stage) -> None:
    told = []
    for _ in range(5):
        told.append(tell(stage, "message", message="x"))
        tell(stage, "user_join", user="8")
    found: list[str] = []
    before = ""
    while before is not None:
        answer = ask(stage, f"{URL}?limit=2{before and f'&before={before}'}", by=token())
        found += ids(answer)
        before = answer[1]["next"]
        tell(stage, "message", message="later")
    assert found == told[::-1]


def test_one_request_looks_through_so_many_events_and_no_more(stage: Stage) -> None:
    """What is behind many who came and left is found by those that follow it."""
    wanted = tell(stage, "message", message="x")
    for _ in range(900):
        tell(stage, "user_join", user="8")
    reads: list[int] = []
    read_back = stage.log.read_back

    async def counted(*arguments: Any) -> Any:  # noqa: ANN401
        reads.append(1)
        return await read_back(*arguments)

    stage.log.read_back = counted  # type: ignore[assignment, method-assign]
    answer = ask(stage, f"{URL}?limit=1", by=token())
    found = ids(answer)
    assert len(reads) <= 10
    while answer[1]["next"] is not None:
        answer = ask(stage, f"{URL}?limit=1&before={answer[1]['next']}", by=token())
        found += ids(answer)
    assert found == [wanted]


@pytest.mark.parametrize("query", ["before=now", "limit=0", "limit=201", "limit=x", "after=1-0"])
def test_a_query_that_is_wrong_is_refused(stage: Stage, query: str) -> None:
    assert ask(stage, f"{URL}?{query}", by=token())[0] == 400


class Answers:
    """Who is asked to answer."""

    def __init__(self, fault: Exception | None = None) -> None:
        self.asked: Final[list[tuple[str, str]]] = []
        self.fault = fault

    async def ask(self, chat: str, message_id: str) -> None:
        if self.fault is not None:
            raise self.fault
        self.asked.append((chat, message_id))


def test_a_message_asks_for_an_answer_once_it_is_kept(stage: Stage) -> None:
    """Again with the same id, if it is sent again: who answers knows it."""
    answers = stage.app.state.answers = Answers()
    said = [ask(stage, said={"message": "x"}, by=token(), key="k")[1]["id"] for _ in range(2)]
    assert answers.asked == [("42", said[0])] * 2
    assert ask(stage, REACTIONS, {"message_id": "7-0", "reaction": "👍"}, by=token())[0] == 201
    assert len(answers.asked) == 2


def test_who_cannot_be_asked_to_answer_is_reported(stage: Stage) -> None:
    """The message is kept; sent again with its key it asks again, and is said once."""
    answers = stage.app.state.answers = Answers(LogUnavailable("the queue is away"))
    assert ask(stage, said={"message": "x"}, by=token(), key="k")[0] == 503
    answers.fault = None
    assert ask(stage, said={"message": "x"}, by=token(), key="k")[0] == 201
    assert len(kept(stage)) == len(answers.asked) == 1


def test_conversations_are_kept_for_ninety_days_and_count_what_was_said() -> None:
    settings = Settings()
    assert settings.retention_policy().of("chats/42").max_age == 90 * 86400.0
    rule = settings.unread_policy().of("chats/42")
    assert rule is not None
    counted = {t for t in ("message", "ai_complete", "reaction", "user_join") if rule.counts(t)}
    assert counted == {"message", "ai_complete"}
