"""A video editor's React code, written for another server: only the address is another."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from support.editor import SLOW, a_video, publish
from support.front_end import FrontEnd
from support.live import StartLive
from support.waiting import wait_until_blocking

#: Of a card: what it shows.
_CARD: Final = """
const card = document.getElementById(`card-${arguments[0]}`);
return card && {
  percents: card.dataset.percents.split(" ").filter(Boolean).map(Number),
  message: card.querySelector(".message").textContent,
  answer: card.querySelector(".answer").textContent,
  error: card.querySelector(".error")?.textContent ?? null,
  output: card.querySelector("a")?.href ?? null,
};
"""


class Editor:
    """The page, as a person uses it."""

    def __init__(self, browser: Chrome, address: str, api: str, *videos: str) -> None:
        self._browser: Final = browser
        browser.get(f"{address}?{urlencode({'api': api, 'videos': ','.join(videos)})}")
        self.wait(lambda: self.text("#state") == "connected", "it was not connected")

    @staticmethod
    def wait(condition: Any, missing: str, **more: Any) -> None:  # noqa: ANN401 - true or not
        wait_until_blocking(condition, missing, **more)

    def text(self, selector: str) -> str:
        found: str = self._browser.find_element(By.CSS_SELECTOR, selector).text
        return found

    def card(self, video: str) -> dict[str, Any]:
        found: dict[str, Any] = self._browser.execute_script(_CARD, video)
        return found

    def videos(self) -> list[str]:
        cards = self._browser.find_elements(By.CSS_SELECTOR, "#videos b")
        return [card.text for card in cards]

    def upload(self, file: Path) -> None:
        self._browser.find_element(By.ID, "file").send_keys(str(file))

    def trim(self, video: str) -> None:
        self._browser.find_element(By.CSS_SELECTOR, f"#card-{video} button").click()


@pytest.fixture
def clips(clip: Path, tmp_path: Path) -> list[Path]:
    """Two videos; a browser reports no change where the same is chosen again."""
    return [Path(shutil.copy(clip, tmp_path / f"{name}.mp4")) for name in ("first", "second")]


@pytest.mark.parametrize("react", [18, 19])
def test_two_videos_of_ones_own_are_sent_and_trimmed_side_by_side(
    browser: Chrome, everything: str, front_end: FrontEnd, clips: list[Path], react: int
) -> None:
    editor = Editor(browser, front_end("editor", react), everything)
    for count, clip in enumerate(clips, start=1):
        editor.upload(clip)
        editor.wait(lambda count=count: len(editor.videos()) == count, "no video came")
    for video in editor.videos():
        editor.trim(video)
    for video in editor.videos():
        editor.wait(
            lambda video=video: editor.card(video)["output"], f"{video} not trimmed", deadline=SLOW
        )
        shown = editor.card(video)
        assert shown["answer"].startswith("accepted: ")
        assert shown["percents"] == sorted(shown["percents"])
        assert (shown["percents"][-1], shown["message"], shown["error"]) == (100, "Done", None)
        answer = httpx.get(shown["output"])
        assert (answer.status_code, answer.headers["content-type"]) == (200, "video/mp4")


def test_what_is_no_video_is_told_to_who_sends_it(
    browser: Chrome, everything: str, front_end: FrontEnd, tmp_path: Path
) -> None:
    editor = Editor(browser, front_end("editor"), everything)
    letter = tmp_path / "letter.mp4"
    letter.write_text("no video")
    editor.upload(letter)
    editor.wait(lambda: "not a video" in editor.text("#failure"), "nothing was said")
    assert editor.videos() == []


def test_an_editor_whose_server_was_killed_comes_back_and_learns_how_it_ended(
    browser: Chrome, start_live: StartLive, front_end: FrontEnd
) -> None:
    live = start_live()
    done, failed, running = a_video(), a_video(), a_video()
    editor = Editor(browser, front_end("editor"), live.url, done, failed, running)
    publish(live, running, ("progress", {"progress": 0.3, "task_name": "trim"}))
    editor.wait(lambda: editor.card(running)["percents"] == [30], "no progress came")
    live.kill()
    editor.wait(lambda: editor.text("#state") == "not connected", "nobody noticed")
    publish(live, done, ("completed", {"result": {"url": "/files/x.mp4"}, "task_name": "trim"}))
    publish(live, failed, ("error", {"error": "no space", "task_name": "trim"}))
    publish(live, running, ("progress", {"progress": 0.6, "task_name": "trim"}))
    live.start()
    editor.wait(lambda: editor.card(done)["output"] == f"{live.url}/files/x.mp4", "the end missed")
    editor.wait(lambda: editor.card(failed)["error"] == "no space", "the error was missed")
    editor.wait(lambda: editor.card(running)["percents"] == [30, 60], "progress was missed")
