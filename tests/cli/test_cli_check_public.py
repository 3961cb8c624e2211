"""``streamer check --url`` says what passes a proxy, and where bytes stay."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from streamer.cli import main, public_probes
from streamer.client import passage
from streamer.client.passage import Passage
from support.live import Live
from support.nginx import nginx_before
from support.ports import free_port


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stays on the way is not waited for as long as people wait."""
    pass_through = passage.pass_through

    async def soon(url: str, **options: object) -> Passage:
        return await pass_through(url, **{**options, "patience": 1.5})  # type: ignore[arg-type]

    monkeypatch.setattr(public_probes, "pass_through", soon)


def check(url: str, **environ: str) -> Result:
    variables = {f"STREAMER_{name.upper()}": value for name, value in environ.items()}
    variables |= {"STREAMER_PORT": str(free_port()), "STREAMER_DATA_DIR": "/nowhere"}
    return CliRunner().invoke(main, ["check", "--url", url], env=variables)


def found(result: Result) -> dict[str, str]:
    """The findings about the URL: each with its mark, by what it is about."""
    lines = [line.split(None, 2) for line in result.output.splitlines()]
    return {
        line[1]: f"{line[0]} {line[2].rstrip()}"
        for line in lines
        if len(line) > 2 and line[0] in "✓✗!"
    }


def test_what_passes_is_said(live_server: Live, tmp_path: Path) -> None:
    with nginx_before((live_server.port, live_server.port), tmp_path) as url:
        said = found(check(url))
    assert said["URL"].startswith(f"✓ {url} answers, nginx")
    assert said["Stream"].startswith("✓ its first event came after ")
    assert said["Heartbeats"] == "✓ come through"
    assert said["WebSocket"] == "✓ can be opened"
    assert said["Clock"] == "✓ The clock there agrees with ours"
    assert "Compression" not in said


def test_a_proxy_that_buffers_is_found(live_server: Live, tmp_path: Path) -> None:
    ports = (live_server.port, live_server.port)
    # What it buffers it compresses once it has enough: then nothing is passed on at once.
    with nginx_before(ports, tmp_path, buffering=True, compressing=True) as url:
        result = check(url)
    said = found(result)
    assert result.exit_code == 1
    assert said["Stream"].startswith("✗ ")
    assert "turn off the proxy's buffering (nginx: proxy_buffering off" in said["Stream"]


def test_a_proxy_that_compresses_is_found(live_server: Live, tmp_path: Path) -> None:
    ports = (live_server.port, live_server.port)
    with nginx_before(ports, tmp_path, compressing=True) as url:
        said = found(check(url))
    assert said["Compression"].startswith("! the proxy compresses streams (gzip)")


def test_a_page_of_an_origin_that_is_not_allowed_there_is_said(live_server: Live) -> None:
    said = found(check(live_server.url, allowed_origins="https://app.example"))
    assert said["Pages"].startswith("✗ of https://app.example may not read it")


@contextmanager
def stranger(status: int, body: bytes = b"") -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response_only(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "way"),
    [
        (200, b"", "correct --url"),
        (502, b"", "start the server"),
        (404, b"", "let the proxy pass /healthz"),
        (421, b'{"code":"unknown_host","detail":"no host of ours"}', "STREAMER_ALLOWED_HOSTS"),
    ],
)
def test_what_is_refused_is_said_with_what_to_do(status: int, body: bytes, way: str) -> None:
    with stranger(status, body) as url:
        result = check(url)
    assert result.exit_code == 1
    assert found(result)["URL"].startswith("✗ ")
    assert way in found(result)["URL"]


def test_where_nobody_answers_it_is_said() -> None:
    said = found(check(f"http://127.0.0.1:{free_port()}"))
    assert said["URL"].startswith("✗ ")
    assert said["URL"].endswith("; start it, or correct --url")


@pytest.mark.parametrize(("ahead", "mark"), [(0.9, "✓"), (-2.5, "✓"), (60.0, "!"), (-7200.0, "!")])
def test_a_clock_that_is_wrong_is_said(ahead: float, mark: str) -> None:
    finding = public_probes.clocks("The clock there", ahead, precision=1.0)
    assert (finding.good is True) == (mark == "✓")
    if finding.good is None:
        way = "ahead of" if ahead > 0 else "behind"
        assert f"The clock there is {abs(ahead):.0f} s {way} ours" in finding.found
