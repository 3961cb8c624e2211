"""The page of a video editor, written for another server, in a real browser: nothing is changed."""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Any, Final

import httpx
from selenium.webdriver import Chrome

from support.editor import SLOW, a_video, publish
from support.live import StartLive
from support.waiting import wait_until_blocking

#: As the editor's own code has it: one socket for all videos, which comes back a second after
#: it was lost and subscribes anew; a hook for each component that shows a video.
EDITOR: Final = """
window.editor = (() => {
  const base = arguments[0];
  const videos = new Map();
  let socket = null;
  const send = (frame) => {
    if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(frame));
  };
  const state = {opened: 0, subscribed: [], unknown: []};
  const connect = () => {
    socket = new WebSocket(base.replace(/^http/, "ws") + "/api/v1/ws/videos");
    socket.onopen = () => {
      state.opened += 1;
      for (const videoId of videos.keys()) send({type: "subscribe", videoId});
    };
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      const video = videos.get(message.videoId);
      switch (message.type) {
        case "subscribed": state.subscribed.push(message.videoId); break;
        case "progress": video.percents.push(message.data.percent);
                         video.message = message.data.message; break;
        case "complete": video.outputUrl = message.data.outputUrl; break;
        case "error": video.error = message.data.error; break;
        default: state.unknown.push(message.type);
      }
    };
    socket.onclose = () => { setTimeout(connect, 1000); };
  };
  connect();
  return {
    state,
    watch(videoId) {
      videos.set(videoId, {percents: [], message: null, outputUrl: null, error: null});
      send({type: "subscribe", videoId});
    },
    video: (videoId) => videos.get(videoId),
    async trim(videoId, inputPath, startTime, endTime) {
      const response = await fetch(base + "/api/edit/trim", {
        method: "POST",
        headers: {"Content-Type": "application/json"},
        body: JSON.stringify({videoId, inputPath, startTime, endTime}),
      });
      return response.json();
    },
    async upload(base64) {
      const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
      const form = new FormData();
      form.append("video", new File([bytes], "holiday.mp4", {type: "video/mp4"}));
      const response = await fetch(base + "/api/upload", {method: "POST", body: form});
      return response.json();
    },
    async size(outputUrl) {
      const response = await fetch(base + outputUrl);
      return [response.headers.get("Content-Type"), (await response.blob()).size];
    },
  };
})();
"""
_CALL: Final = (
    "const done = arguments[arguments.length - 1]; editor.%s.then(done, (e) => done(`${e}`));"
)


class Editor:
    """The page, as a test drives it."""

    def __init__(self, browser: Chrome, url: str, *, page: str | None = None) -> None:
        self._browser: Final = browser
        browser.get(f"{page or url}/healthz")
        browser.execute_script(EDITOR, url)
        self.wait(lambda: self.state["opened"] == 1, "the socket was not opened")

    @staticmethod
    def wait(condition: Any, missing: str) -> None:  # noqa: ANN401 - whatever is true or not
        wait_until_blocking(condition, missing)

    @property
    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = self._browser.execute_script("return editor.state")
        return found

    def video(self, video: str) -> dict[str, Any]:
        found: dict[str, Any] = self._browser.execute_script(
            "return editor.video(arguments[0])", video
        )
        return found

    def watch(self, *videos: str) -> None:
        for video in videos:
            self._browser.execute_script("editor.watch(arguments[0])", video)
        self.wait(
            lambda: set(videos) <= set(self.state["subscribed"]), f"{videos} were not subscribed"
        )

    def trim(self, video: str, path: str, start: float, end: float) -> dict[str, Any]:
        answer: dict[str, Any] = self._browser.execute_async_script(
            _CALL % "trim(...[...arguments].slice(0, 4))", video, path, start, end
        )
        return answer

    def upload(self, data: bytes) -> dict[str, Any]:
        answer: dict[str, Any] = self._browser.execute_async_script(
            _CALL % "upload(arguments[0])", b64encode(data).decode()
        )
        return answer

    def size(self, url: str) -> list[Any]:
        found: list[Any] = self._browser.execute_async_script(_CALL % "size(arguments[0])", url)
        return found


def test_two_videos_are_trimmed_and_each_is_shown_its_own(browser: Chrome, everything: str) -> None:
    editor = Editor(browser, everything)
    first, second, lost = a_video(), a_video(), a_video()
    editor.watch(first, second, lost)
    for video, start in ((first, 10), (second, 20)):
        answer = editor.trim(video, "sample", start, start + 5)
        assert (answer["success"], answer["videoId"]) == (True, video)
        assert isinstance(answer["message"], str)
    refused = editor.trim(lost, "nothing.mp4", 0, 1)
    assert refused["success"] is False
    assert "nothing.mp4" in refused["message"]
    for video in (first, second):
        wait_until_blocking(
            lambda video=video: editor.video(video)["outputUrl"] is not None,  # type: ignore[misc]
            f"{video} was not trimmed",
            deadline=SLOW,
        )
        shown = editor.video(video)
        assert shown["percents"] == sorted(shown["percents"])
        assert shown["percents"][-1] == 100
        assert shown["message"] == "Done"
        kind, size = editor.size(shown["outputUrl"])
        assert kind == "video/mp4"
        assert size > 10_000
    assert editor.video(first)["outputUrl"] != editor.video(second)["outputUrl"]
    assert editor.video(lost) == {"percents": [], "message": None, "outputUrl": None, "error": None}
    assert editor.state["unknown"] == []


def test_a_video_of_ones_own_is_sent_and_trimmed(
    browser: Chrome, everything: str, clip: Path
) -> None:
    editor = Editor(browser, everything)
    video = editor.upload(clip.read_bytes())["videoId"]
    editor.watch(video)
    assert editor.trim(video, f"/uploads/{video}.mp4", 0, 0.6)["success"] is True
    wait_until_blocking(
        lambda: editor.video(video)["outputUrl"] is not None, "it was not trimmed", deadline=SLOW
    )
    assert editor.size(editor.video(video)["outputUrl"])[0] == "video/mp4"
    assert "not a video" in editor.upload(b"no video")["message"]


def test_a_page_whose_server_was_killed_comes_back_and_learns_how_it_ended(
    browser: Chrome, start_live: StartLive
) -> None:
    live = start_live()
    editor = Editor(browser, live.url)
    done, failed, running = a_video(), a_video(), a_video()
    editor.watch(done, failed, running)
    for video in (done, failed, running):
        publish(live, video, ("progress", {"progress": 0.3, "task_name": "trim"}))
    editor.wait(lambda: editor.video(running)["percents"] == [30], "no progress came")
    live.kill()
    publish(live, done, ("completed", {"result": {"url": "/files/x.mp4"}, "task_name": "trim"}))
    publish(live, failed, ("error", {"error": "no space", "task_name": "trim"}))
    publish(live, running, ("progress", {"progress": 0.6, "task_name": "trim"}))
    live.start()
    editor.wait(lambda: editor.state["opened"] == 2, "it did not come back")
    editor.wait(lambda: editor.video(done)["outputUrl"] == "/files/x.mp4", "the end was missed")
    editor.wait(lambda: editor.video(failed)["error"] == "no space", "the error was missed")
    editor.wait(lambda: editor.video(running)["percents"] == [30, 60], "progress was missed")
    assert httpx.get(f"{live.url}/healthz").status_code == 200


def test_an_editor_on_another_port_is_served_and_a_foreign_one_is_not(
    browser: Chrome, start_live: StartLive
) -> None:
    page = start_live()
    live = start_live()
    editor = Editor(browser, live.url, page=f"http://localhost:{page.port}")
    video = a_video()
    editor.watch(video)
    assert "nothing.mp4" in editor.trim(video, "nothing.mp4", 0, 1)["message"]
    closed = start_live(STREAMER_ALLOWED_ORIGINS="https://elsewhere.example")
    browser.get(f"http://localhost:{page.port}/healthz")
    got = browser.execute_async_script(
        "const socket = new WebSocket(arguments[0] + '/api/v1/ws/videos'), done = arguments[1];"
        "let said; socket.onmessage = ({data}) => { said = JSON.parse(data); };"
        "socket.onclose = ({code}) => done([said.type, said.data.code, code]);",
        closed.ws_url,
    )
    assert got == ["error", "forbidden", 1008]
