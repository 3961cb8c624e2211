"""The header fields that report a quota, in every answer that has one."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from math import ceil
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.api import too_often
from streamer.api.asker import Asker, Connection
from streamer.api.quota_fields import rate_fields
from streamer.api.rate import Rate
from streamer.config.settings import Settings
from support.stage import Peer, Stage

#: draft-ietf-httpapi-ratelimit-headers-11, sections 3.1 and 4.1, as we write them.
POLICY: Final = re.compile(rb'"([a-z-]+)";q=([0-9]+);w=([1-9][0-9]*)')
LIMIT: Final = re.compile(rb'"([a-z-]+)";r=([0-9]+);t=([1-9][0-9]*)')

EVENTS: Final = "/api/v1/projects/p1/events"
JOBS: Final = "/api/v1/projects/p1/jobs"


OpenStage = Callable[..., Stage]


@pytest.fixture
def open_stage() -> Iterator[OpenStage]:
    """A server of these settings, at which everybody is who they say."""
    stages: list[Stage] = []

    def opened(**settings: Any) -> Stage:  # noqa: ANN401 - each its own
        stages.append(Stage(Settings(**settings), door=by_header))
        return stages[-1]

    yield opened
    for stage in stages:
        stage.end()


@pytest.fixture(autouse=True)
def _time_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(too_often, "monotonic", lambda: 1000.0)


async def by_header(connection: Connection) -> Asker:
    """Let everybody in under the names that they give."""
    headers = connection.headers
    return Asker(headers.get("x-address", "somewhere"), headers.get("x-user", ""))


def read(fields: tuple[tuple[bytes, bytes], ...]) -> tuple[int, int, int, int]:
    """The quota and its window, what is left and the time to spread it over."""
    (_, policy), (_, limit) = fields
    told, now = POLICY.fullmatch(policy), LIMIT.fullmatch(limit)
    assert told is not None, policy
    assert now is not None, limit
    assert told[1] == now[1]
    return int(told[2]), int(told[3]), int(now[2]), int(now[3])


@given(st.floats(0.001, 1_000_000), st.integers(1, 100))
def test_who_heeds_the_fields_is_never_refused(per_second: float, used: int) -> None:
    """Nor does it read of more than the rate in the long run (section 8.5)."""
    rule = Rate(per_second, int(10 * per_second) or 1)
    now = 0.0
    left = [rule.spend("a", now)[1] for _ in range(used)][-1]
    quota, window, shown, seconds = read(rate_fields("x", rule)(left, 0))
    assert (quota, shown) == (rule.burst, left)
    assert window == max(1, ceil(quota * rule.interval))
    assert left <= seconds * per_second * (1 + 1e-9)
    # All that is left at once, or as it is restored: then as much again is there.
    spent = min(left, 100)
    assert [rule.wait("a", now) for _ in range(spent)] == [0.0] * spent
    assert [rule.wait("a", now + seconds) for _ in range(spent or 1)] == [0.0] * (spent or 1)


def test_who_is_refused_waits_for_the_time_of_the_field() -> None:
    """Which is that of Retry-After: neither is earlier than the other (section 6)."""
    assert read(rate_fields("x", Rate(0.1, 1))(0, 7)) == (1, 10, 0, 7)


def ask(
    stage: Stage, target: str, body: bytes = b'{"type":"tick"}', **headers: str
) -> tuple[int, dict[str, str]]:
    """Post `body` to `target`; return the status and headers of the answer."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named["Content-Length"] = str(len(body))
    peer = Peer(stage, target, named, method="POST", body=body)
    stage.settle()
    stage.settle()
    head = peer.take().decode("latin-1").partition("\r\n\r\n")[0]
    first, *lines = head.split("\r\n")
    return int(first.split(" ")[1]), dict(pair(lines))


def pair(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        name, _, value = line.partition(": ")
        yield name.lower(), value


def told(headers: dict[str, str]) -> tuple[str | None, str | None]:
    return headers.get("ratelimit-policy"), headers.get("ratelimit")


@pytest.mark.parametrize(
    ("user", "whose"), [("", "address"), ("ann", "subject")], ids=["address", "subject"]
)
def test_a_publish_is_answered_with_what_is_left(
    open_stage: OpenStage, user: str, whose: str
) -> None:
    """Of the subject where there is one, else of the address; 429 says when to come back."""
    stage = open_stage(publish_rate=0.2)
    policy = f'"publish-by-{whose}"'
    status, headers = ask(stage, EVENTS, X_User=user)
    assert status == 201
    assert told(headers) == (f"{policy};q=2;w=10", f"{policy};r=1;t=5")
    assert told(ask(stage, EVENTS, X_User=user)[1])[1] == f"{policy};r=0;t=5"
    status, headers = ask(stage, EVENTS, X_User=user)
    assert (status, headers["retry-after"]) == (429, "5")
    assert told(headers) == (f"{policy};q=2;w=10", f"{policy};r=0;t=5")


def test_an_answer_reports_nothing_of_others_at_the_same_address(open_stage: OpenStage) -> None:
    """What they publish is not its business, until the address itself has had its fill."""
    stage = open_stage(publish_rate=0.2)
    assert told(ask(stage, EVENTS, X_User="ann")[1])[1] == '"publish-by-subject";r=1;t=5'
    assert told(ask(stage, EVENTS, X_User="bob")[1])[1] == '"publish-by-subject";r=1;t=5'
    status, headers = ask(stage, EVENTS, X_User="eve")
    assert (status, told(headers)[1]) == (429, '"publish-by-address";r=0;t=5')


def test_a_subject_that_is_called_as_an_address_has_a_quota_of_its_own(
    open_stage: OpenStage,
) -> None:
    """Else it could use up that of the address."""
    stage = open_stage(publish_rate=0.2)
    for address in ("10.0.0.1", "10.0.0.1"):
        assert ask(stage, EVENTS, X_Address=address, X_User="10.0.0.2")[0] == 201
    assert ask(stage, EVENTS, X_Address="10.0.0.2")[0] == 201


def test_what_is_refused_for_another_reason_counts_and_is_answered_alike(
    open_stage: OpenStage,
) -> None:
    stage = open_stage(publish_rate=0.2)
    status, headers = ask(stage, EVENTS, body=b"{")
    assert (status, told(headers)[1]) == (400, '"publish-by-address";r=1;t=5')
    assert "retry-after" not in headers


def test_an_event_of_several_topics_is_answered_with_what_all_of_them_leave(
    open_stage: OpenStage,
) -> None:
    """Where too little is left for all, that is reported, with the time until it suffices."""
    stage = open_stage(publish_rate=0.5)
    body = b'{"type":"tick","topics":["a","b","c"]}'
    status, headers = ask(stage, "/api/v1/events", body)
    assert (status, told(headers)[1]) == (201, '"publish-by-address";r=2;t=4')
    status, headers = ask(stage, "/api/v1/events", body)
    assert (status, headers["retry-after"]) == (429, "2")
    assert told(headers)[1] == '"publish-by-address";r=1;t=2'


def test_jobs_have_a_quota_of_their_own(open_stage: OpenStage) -> None:
    """Here of requests that are refused, for the answer to one that is not see jobs/."""
    stage = open_stage(job_rate=0.2)
    status, headers = ask(stage, JOBS, b'{"kind":"none"}', X_User="ann")
    assert status == 400
    assert told(headers) == ('"jobs-by-subject";q=2;w=10', '"jobs-by-subject";r=1;t=5')
    assert ask(stage, JOBS, b"{}", X_User="ann")[0] == 400
    status, headers = ask(stage, JOBS, b"{}", X_User="ann")
    assert (status, told(headers)[1]) == (429, '"jobs-by-subject";r=0;t=5')
    assert headers["retry-after"] == "5"


def test_without_a_limit_nothing_is_reported(open_stage: OpenStage) -> None:
    stage = open_stage(publish_rate=0)
    status, headers = ask(stage, EVENTS)
    assert (status, told(headers)) == (201, (None, None))


@pytest.mark.parametrize(
    ("settings", "policy"),
    [
        ({"max_connections_per_subject": 1}, "connections-by-subject"),
        ({"max_connections_per_client": 1}, "connections-by-address"),
        ({"max_connections": 1}, None),
    ],
    ids=["subject", "address", "process"],
)
@pytest.mark.parametrize("way", ["stream", "events"])
def test_who_holds_as_many_connections_as_it_may_reads_how_many(
    open_stage: OpenStage, settings: dict[str, int], policy: str | None, way: str
) -> None:
    """A stream in its head, for it is answered 200; what all hold together is nobody's quota."""
    stage = open_stage(**settings)
    path = "/api/v1/projects/p1"
    held = Peer(stage, f"{path}/stream", {"X-User": "ann"})
    stage.settle()
    refused = Peer(stage, f"{path}/{way}", {"X-User": "ann"})
    stage.settle()
    stage.settle()
    answer = refused.take().decode("latin-1")
    assert answer.startswith(f"HTTP/1.1 {200 if way == 'stream' else 503} ")
    assert "too_many_connections" in answer
    assert b"connected" in held.take()
    headers = dict(pair(answer.partition("\r\n\r\n")[0].split("\r\n")[1:]))
    expected = (f'"{policy}";q=1;qu="concurrent-requests"', f'"{policy}";r=0')
    assert told(headers) == (expected if policy is not None else (None, None))


def test_a_page_of_another_origin_may_read_the_quota(open_stage: OpenStage) -> None:
    """Where it may read the answer at all."""
    page = "https://app.example"
    stage = open_stage(allowed_origins=(page,))
    _, headers = ask(stage, EVENTS, Origin=page)
    exposed = {name.strip() for name in headers["access-control-expose-headers"].split(",")}
    assert {"ratelimit", "ratelimit-policy", "retry-after"} <= exposed
    assert told(headers)[0] == '"publish-by-address";q=2000;w=10'
