"""Uploads keep to tus 1.0, and what is wrong is refused with what is allowed."""

from __future__ import annotations

import socket

import httpx
import pytest

from support.live import Live, StartLive
from support.raw_http import answers_in
from support.tus import (
    PIECE,
    TUS,
    begin,
    create,
    end_of,
    events_of,
    id_of,
    look,
    media,
    metadata_of,
    offset_of,
    patching,
    quarantine,
    released,
    send,
)
from support.waiting import wait_until_blocking


def problem(answer: httpx.Response) -> tuple[int, str]:
    """The status and code of a refusal, which has the fields of tus like every answer."""
    assert answer.headers["tus-resumable"] == "1.0.0"
    return answer.status_code, answer.json()["code"]


def in_bytes(headers: dict[str, str]) -> dict[bytes, bytes]:
    """Headers as they go over the wire, also those that no client would send."""
    return {name.encode(): value.encode() for name, value in headers.items()}


def test_a_piece_is_held_to_the_protocol(live: Live, project: str) -> None:
    url = begin(live, project, 1000)
    assert problem(send(url, 5, b"x")) == (409, "upload_conflict")
    assert problem(send(url, 2000, b"x")) == (409, "upload_conflict")
    assert problem(send(url, "-1", b"x")) == (400, "invalid_parameter")
    assert problem(send(url, "one", b"x")) == (400, "invalid_parameter")
    assert problem(send(url, 0, b"x" * 2000)) == (413, "upload_too_large")
    assert problem(send(url, 0, b"x", **{"Content-Type": "text/plain"})) == (
        415,
        "wrong_media_type",
    )
    checksum = {"Upload-Checksum": "sha1 Kq5sNclPz7QV2+lfQIuc6R7oRu0="}
    assert problem(send(url, 0, b"x", **checksum)) == (400, "invalid_parameter")
    assert problem(send(url + "0", 0, b"x")) == (404, "not_found")
    assert offset_of(url) == 0, "what was refused is not kept"
    answer = send(url, 0, b"x" * 10)
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, "10")
    assert answer.headers["upload-expires"].endswith(" GMT")
    assert answer.headers["tus-resumable"] == "1.0.0"


@pytest.mark.parametrize("version", ["0.2.2", "1.0", None])
def test_another_version_is_refused_with_the_one_that_is_spoken(
    live: Live, project: str, version: str | None
) -> None:
    headers = {} if version is None else {"Tus-Resumable": version}
    url = begin(live, project, 10)
    for answer in (httpx.post(f"{live.url}/api/v1/uploads", headers=headers), httpx.delete(url)):
        assert problem(answer) == (412, "unsupported_tus")
        assert answer.headers["tus-version"] == "1.0.0"
    assert offset_of(url) == 0


def test_how_an_upload_stands_is_asked_and_never_cached(live: Live, project: str) -> None:
    url = begin(live, project, 1000, "Bär.mp4")
    answer = look(url)
    assert answer.status_code == 200
    assert answer.headers["upload-length"] == "1000"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["upload-metadata"] == metadata_of(project_id=project, filename="Bär.mp4")
    assert look(url + "0").status_code == 404
    assert "upload-offset" not in look(url + "0").headers


@pytest.mark.parametrize(
    ("length", "status", "said"),
    [
        ("", 400, "must be a number of bytes"),
        ("-5", 400, "must be a number of bytes"),
        ("1e3", 400, "must be a number of bytes"),
        ("٣", 400, "must be a number of bytes"),
        ("9" * 30, 400, "must be a number of bytes"),
        ("0", 400, "an empty file is no video"),
        (str(1 << 50), 413, "at most 8,589,934,592 are allowed"),
    ],
)
def test_a_length_that_is_none_is_refused(
    live_server: Live, project: str, length: str, status: int, said: str
) -> None:
    headers = {**TUS, "Upload-Metadata": metadata_of(project_id=project), "Upload-Length": length}
    answer = httpx.post(f"{live_server.url}/api/v1/uploads", headers=in_bytes(headers))
    assert answer.status_code == status
    assert said in answer.json()["detail"]
    assert events_of(live_server, f"projects/{project}") == []


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ("", "must have project_id"),
        ("filename YQ==", "must have project_id"),
        ("project_id a/b", "not base64"),
        ("project_id ZGVtbw=", "not base64"),
        ("project_id ZGVt bw==", "not base64"),
        ("project_id /w==", "not UTF-8"),
        ("project_id Li4vLi4=", "project"),
        ("project_id ZGVtbw==,project_id ZGVtbw==", "more than once"),
        ("project_id ZGVtbw==,,a", "has the name ''"),
        ("project_id ZGVtbw==,é YQ==", "a name is visible ASCII"),
        ("project_id ZGVtbw==,a " + "A" * 8192, "at most 8,192 are allowed"),
    ],
)
def test_metadata_that_is_malformed_is_refused(live_server: Live, metadata: str, said: str) -> None:
    headers = in_bytes({**TUS, "Upload-Length": "10", "Upload-Metadata": metadata})
    answer = httpx.post(f"{live_server.url}/api/v1/uploads", headers=headers)
    assert problem(answer)[0] == 400
    assert said in answer.json()["detail"]


def test_metadata_that_nobody_reads_may_be_anything(live: Live, project: str) -> None:
    metadata = metadata_of(project_id=project) + ",relativePath bnVsbA==,is_secret,raw /wD/"
    headers = {**TUS, "Upload-Length": "10", "Upload-Metadata": metadata}
    answer = httpx.post(f"{live.url}/api/v1/uploads", headers=headers)
    assert answer.status_code == 201, answer.text
    assert look(live.url + answer.headers["location"]).headers["upload-metadata"] == metadata


@pytest.mark.parametrize(
    "path", ["..%2f..%2fetc%2fpasswd", "%2e%2e", "x.json", "A" * 32, "0" * 33, "creating.lock"]
)
def test_an_id_is_no_path(live: Live, path: str) -> None:
    url = f"{live.url}/api/v1/uploads/{path}"
    assert look(url).status_code == 404
    assert send(url, 0, b"x").status_code == 404
    assert httpx.delete(url, headers=TUS).status_code == 404


@pytest.mark.parametrize("field", ["Upload-Defer-Length", "Upload-Concat"])
def test_an_extension_that_is_not_offered_is_refused_by_name(
    live: Live, project: str, field: str
) -> None:
    answer = create(live, project, 10, **{field: "1"})
    assert problem(answer) == (400, "invalid_parameter")
    assert field in answer.json()["detail"]
    offered = httpx.options(f"{live.url}/api/v1/uploads").headers
    assert offered["tus-version"] == "1.0.0"
    assert int(offered["tus-max-size"]) == 8 * 1024**3
    for extension in offered["tus-extension"].split(","):
        assert extension in answer.json()["detail"]


def test_an_upload_is_removed_by_delete_also_when_it_is_whole(
    live: Live, project: str, film: bytes
) -> None:
    url = begin(live, project, 1000)
    assert httpx.delete(url, headers=TUS).status_code == 204
    assert look(url).status_code == 404
    assert send(url, 0, b"x").status_code == 404
    assert httpx.delete(url, headers=TUS).status_code == 404
    assert events_of(live, f"projects/{project}")[-1]["status"] == "cancelled"
    whole = begin(live, project, len(film))
    assert send(whole, 0, film).status_code == 204
    assert httpx.delete(whole, headers=TUS).status_code == 204
    assert look(whole).status_code == 404
    assert events_of(live, f"projects/{project}")[-1]["type"] == "completed"
    assert not (media(live) / "uploads" / id_of(whole)).exists()
    assert not list(quarantine(live).glob(f"{id_of(whole)}*"))


def test_an_upload_may_come_with_its_beginning(live: Live, project: str, video: bytes) -> None:
    headers = {**PIECE, "Upload-Length": str(len(video))}
    headers["Upload-Metadata"] = metadata_of(project_id=project)
    half = video[: len(video) // 2]
    answer = httpx.post(f"{live.url}/api/v1/uploads", headers=headers, content=half)
    assert (answer.status_code, answer.headers["upload-offset"]) == (201, str(len(half)))
    url = live.url + answer.headers["location"]
    assert send(url, len(half), video[len(half) :]).status_code == 204
    assert events_of(live, f"projects/{project}")[-1]["type"] == "completed"


def test_an_upload_whose_address_nobody_was_told_is_removed(live: Live, project: str) -> None:
    headers = {**PIECE, "Upload-Length": "10", "Upload-Metadata": metadata_of(project_id=project)}
    answer = httpx.post(f"{live.url}/api/v1/uploads", headers=headers, content=b"x" * 20)
    assert problem(answer) == (413, "upload_too_large")
    assert end_of(live, f"projects/{project}")["status"] == "cancelled"
    other = f"{project}-2"
    fields = {**headers, "Upload-Metadata": metadata_of(project_id=other), "Content-Length": 10}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with socket.create_connection(("127.0.0.1", live.port)) as leaver:
        leaver.sendall(
            f"POST /api/v1/uploads HTTP/1.1\r\nHost: localhost\r\n{head}\r\nabc".encode()
        )
        wait_until_blocking(lambda: events_of(live, f"projects/{other}"), "it did not begin")
    assert end_of(live, f"projects/{other}")["status"] == "cancelled"


def test_where_only_post_comes_through_a_header_says_what_it_is(
    live: Live, project: str, film: bytes
) -> None:
    url = begin(live, project, len(film))
    as_patch = {**PIECE, "X-HTTP-Method-Override": "PATCH", "Upload-Offset": "0"}
    answer = httpx.post(url, headers=as_patch, content=film)
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(film)))
    as_delete = {**TUS, "X-HTTP-Method-Override": "DELETE"}
    assert httpx.post(url, headers=as_delete).status_code == 204
    assert look(url).status_code == 404
    assert problem(httpx.post(url, headers=TUS)) == (400, "invalid_parameter")


def test_a_body_without_a_length_is_taken_as_it_comes(
    live: Live, project: str, film: bytes
) -> None:
    url = begin(live, project, len(film))
    headers = {**PIECE, "Upload-Offset": "0"}
    answer = httpx.patch(url, headers=headers, content=iter([film[:100], film[100:]]))
    assert (answer.status_code, answer.headers["upload-offset"]) == (204, str(len(film)))


def test_who_waits_to_be_asked_for_a_body_is_asked_or_refused_before_it(
    live: Live, project: str
) -> None:
    url = begin(live, project, 1000)
    with patching(url, 7, 1000, Expect="100-continue") as peer:
        assert peer.recv(4096).startswith(b"HTTP/1.1 409 ")
    with patching(url, 0, 3, Expect="100-continue") as peer:
        assert peer.recv(4096).startswith(b"HTTP/1.1 100 ")
        peer.sendall(b"abc")
        assert peer.recv(4096).startswith(b"HTTP/1.1 204 ")


def test_a_body_that_is_not_wanted_is_not_waited_for(live: Live, project: str) -> None:
    """A browser sends gigabytes before it reads why it should not have."""
    url = begin(live, project, 10_000_000)
    with patching(url, 5, 9_000_000) as peer:
        said = b""
        while chunk := peer.recv(4096):
            said += chunk
    (answer,) = answers_in(said)
    assert answer.status == 409
    assert ("connection", "close") in answer.headers


def test_a_second_writer_is_refused_and_anybody_may_look(live: Live, project: str) -> None:
    url = begin(live, project, 1000)
    with patching(url, 0, 10) as peer:
        peer.sendall(b"abc")
        wait_until_blocking(lambda: send(url, 9, b"").status_code == 423, "it was not locked")
        assert look(url).status_code == 200
    assert released(url) == 3, "what came is kept"


def test_a_page_that_may_reads_where_to_continue_and_another_may_not_upload(
    start_live: StartLive, project: str
) -> None:
    live = start_live(STREAMER_ALLOWED_ORIGINS="https://app.example")
    page = {"Origin": "https://app.example"}
    asked = {"content-type", "tus-resumable", "upload-length", "upload-metadata", "upload-offset"}
    asks = {
        **page,
        "Access-Control-Request-Method": "PATCH",
        "Access-Control-Request-Headers": ", ".join(asked),
    }
    allowed = httpx.options(f"{live.url}/api/v1/uploads/x", headers=asks).headers
    assert allowed["access-control-allow-origin"] == "https://app.example"
    methods = allowed["access-control-allow-methods"].split(", ")
    assert {"POST", "HEAD", "PATCH", "DELETE"} <= set(methods)
    named = set(allowed["access-control-allow-headers"].split(", "))
    assert named >= asked | {"x-http-method-override", "authorization"}
    created = create(live, project, 10, **page)
    exposed = set(created.headers["access-control-expose-headers"].split(", "))
    assert {"location", "upload-offset", "upload-length", "upload-expires"} <= exposed
    evil = {"Origin": "https://evil.example"}
    assert create(live, project, 10, **evil).status_code == 403
    assert httpx.options(f"{live.url}/api/v1/uploads", headers={**asks, **evil}).status_code == 403
    url = live.url + created.headers["location"]
    assert send(url, 0, b"x", **evil).status_code == 403
    assert httpx.delete(url, headers={**TUS, **evil}).status_code == 403
    assert offset_of(url) == 0
