"""Who may upload, continue and cancel; whoever may not does not learn that there is anything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import httpx
import pytest

from streamer.access.issue import Issuer
from support.asking import grants
from support.live import Live, StartLive
from support.tus import TUS, begin, create, id_of, look, offset_of, send

SECRET: Final = "an upload's secret, long enough to sign"


def bearer(subject: str, topic: str, *, reads: bool = True) -> dict[str, str]:
    allowed = grants(subject, reads=(topic,) if reads else (), writes=(topic,))
    return {"Authorization": f"Bearer {Issuer(SECRET).issue(allowed, 600)}"}


@pytest.fixture
def live(start_live: StartLive) -> Live:
    return start_live(STREAMER_AUTH_SECRET=SECRET, STREAMER_UPLOAD_MAX_PER_SUBJECT="1")


def told(answer: httpx.Response, url: str) -> str:
    """What is answered, without what is of this upload and this request."""
    return answer.text.replace(id_of(url), "ID").replace(answer.headers["x-request-id"], "REQUEST")


def test_only_who_began_it_may_continue_or_know_of_it(live: Live, project: str) -> None:
    ann, bob = (bearer(name, f"projects/{project}") for name in ("ann", "bob"))
    assert create(live, project, 10).status_code == 401
    assert create(live, project, 10, **bearer("eve", "projects/other")).status_code == 403
    url = begin(live, project, 10, **ann)
    assert send(url, 0, b"x").status_code == 401
    none = url[:-32] + "0" * 32
    asks: tuple[Callable[[str], httpx.Response], ...] = (
        lambda url: send(url, 0, b"x", **bob),
        lambda url: send(url, 0, b"x" * 20, **bob),
        lambda url: httpx.delete(url, headers={**TUS, **bob}),
        lambda url: look(url, **bob),
    )
    for ask in asks:
        theirs, unknown = ask(url), ask(none)
        assert theirs.status_code == unknown.status_code == 404
        assert told(theirs, url) == told(unknown, none)
        assert {*theirs.headers} == {*unknown.headers}
    assert send(url, 0, b"x", **ann).headers["upload-offset"] == "1"
    lost = bearer("ann", "projects/other")
    assert send(url, 1, b"x", **lost).status_code == 403, "she may not publish there any more"


def test_each_has_as_many_unfinished_as_may_be_and_cancels_one_for_another(
    live: Live, project: str
) -> None:
    ann, bob = (bearer(name, f"projects/{project}") for name in ("ann", "bob"))
    url = begin(live, project, 10, **ann)
    begin(live, project, 10, **bob)
    refused = create(live, project, 10, **ann)
    assert (refused.status_code, refused.json()["code"]) == (429, "too_many_uploads")
    assert "finish or cancel one" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) >= 1
    cancel = f"{live.url}/api/v1/jobs/{id_of(url)}/cancel"
    eve = bearer("eve", "projects/other")
    assert httpx.post(cancel, headers=eve).status_code == 404
    assert look(url, **ann).status_code == 200
    assert httpx.post(cancel, headers=ann).json()["status"] == "cancelled"
    begin(live, project, 10, **ann)


def test_without_tokens_they_count_by_address_whatever_is_presented(
    start_live: StartLive, project: str
) -> None:
    live = start_live(STREAMER_UPLOAD_MAX_PER_SUBJECT="1")
    url = begin(live, project, 10, Authorization="Bearer one")
    assert create(live, project, 10, Authorization="Bearer two").status_code == 429
    assert offset_of(url) == 0
