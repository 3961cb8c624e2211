"""Several servers with one directory serve each other's uploads, also behind nginx."""

from __future__ import annotations

import httpx

from support.live import Live, StartLive
from support.nginx import nginx_before
from support.requirements import needs
from support.tus import begin, end_of, id_of, look, media, offset_of, patching, released, send
from support.waiting import wait_until_blocking


def two(start_live: StartLive) -> tuple[Live, Live]:
    """Servers with one directory and one log."""
    first = start_live()
    return first, start_live(STREAMER_PREFIX=first.environ["STREAMER_PREFIX"])


def test_what_one_server_receives_no_other_writes_and_any_cancels(
    start_live: StartLive, project: str
) -> None:
    first, second = two(start_live)
    url = begin(first, project, 10_000_000)
    other = url.replace(first.url, second.url)
    with patching(url, 0, 10_000_000) as peer:
        peer.sendall(bytes(1_000_000))
        wait_until_blocking(lambda: offset_of(other) > 0, "nothing came")
        assert send(other, offset_of(other), b"x").status_code == 423
        cancelled = httpx.post(f"{second.url}/api/v1/jobs/{id_of(url)}/cancel")
        assert cancelled.json()["status"] == "cancelled"
        peer.sendall(bytes(1000))
        assert peer.recv(4096).startswith(b"HTTP/1.1 404 ")
    assert look(url).status_code == look(other).status_code == 404


def test_the_proxy_that_we_recommend_hands_a_video_on_as_it_comes(
    start_live: StartLive, project: str, video: bytes
) -> None:
    needs("nginx")
    first, second = two(start_live)
    with nginx_before((first.port, second.port), media(first).parent) as address:
        url = begin(first, project, len(video)).replace(first.url, address)
        with patching(url, 0, len(video)) as peer:
            peer.sendall(video[:3_000_000])
            wait_until_blocking(lambda: offset_of(url) > 2_000_000, "it was held back")
        there = released(url)
        assert there > 2_000_000
        assert send(url, there, video[there:]).status_code == 204
        assert end_of(first, f"projects/{project}")["type"] == "completed"
        files = {"video": ("cat.mp4", video, "video/mp4")}
        answer = httpx.post(f"{address}/api/upload", files=files)
        assert answer.status_code == 200, answer.text
    assert (media(first) / answer.json()["inputPath"]).read_bytes() == video
