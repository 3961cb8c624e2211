"""A page whose upload is refused reads why, and does not send all of it first."""

from __future__ import annotations

from typing import Final

from selenium.webdriver import Chrome

from support.live import Live
from support.tus import begin, offset_of

SIZE: Final = 200_000_000
SEND: Final = """
const done = arguments[arguments.length - 1];
const request = new XMLHttpRequest();
let sent = 0;
request.upload.onprogress = (event) => { sent = event.loaded; };
request.open("PATCH", arguments[0]);
request.setRequestHeader("Tus-Resumable", "1.0.0");
request.setRequestHeader("Content-Type", "application/offset+octet-stream");
request.setRequestHeader("Upload-Offset", "5");
request.onload = () => done({ status: request.status, said: request.responseText, sent });
request.onerror = () => done({ status: "error", said: "", sent });
request.send(new Blob([new Uint8Array(arguments[1])]));
"""


def test_a_piece_that_is_refused_is_not_sent_to_its_end(
    live_server: Live, browser: Chrome, project: str
) -> None:
    url = begin(live_server, project, SIZE)
    browser.get(f"{live_server.url}/")
    answer = browser.execute_async_script(SEND, url, SIZE)
    assert answer["status"] == 409
    assert "continue at 0" in answer["said"]
    assert answer["sent"] < SIZE / 2
    assert offset_of(url) == 0
