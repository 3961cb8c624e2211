"""The page of a server that asks who comes, in a real browser."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import httpx
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from support.live import Live, StartLive
from support.live_page import LivePage
from support.waiting import wait_until_blocking

#: How often the page has said that it took another token.
_RENEWALS: Final = """
return document.querySelectorAll("#log [data-type=token]").length;
"""
SECRET: Final = "0123456789abcdef" * 2


def token_of(project: str, ttl: float = 3600.0) -> str:
    topics = Patterns([f"projects/{project}"])
    return Issuer(SECRET).issue(Grants("7", subscribe=topics, publish=topics), ttl)


@pytest.fixture
def asking(start_live: StartLive) -> Live:
    """A server that asks who comes."""
    return start_live(STREAMER_AUTH_SECRET=SECRET)


class TokenPage(LivePage):
    """The page, which is refused until it is given a token."""

    def wait_until_live(self) -> None:
        """Wait until it asks, or is live."""
        wait_until_blocking(
            lambda: self.text("state").startswith(("Live over ", "Token needed")),
            "it neither asked nor was live",
        )

    def give(self, token: str) -> None:
        """Type a token, and press Enter."""
        self.browser.find_element(By.ID, "token-text").send_keys(token + "\n")


def publish(live: Live, project: str, **fields: object) -> None:
    url = f"{live.url}/api/v1/projects/{project}/events"
    headers = {"Authorization": f"Bearer {token_of(project)}"}
    assert httpx.post(url, json=fields, headers=headers).status_code == 201


@pytest.mark.parametrize("transport", ["sse", "websocket"])
def test_a_person_gives_a_token_and_watches(
    browser: Chrome, asking: Live, project: str, transport: str
) -> None:
    """It is in no address, no history and no other tab; a reload keeps it."""
    page = TokenPage(browser, asking.url, project)
    assert page.text("token-why") == "This server asks who you are."
    own = token_of(project)
    page.give(own)
    page.wait_for_state("Live over SSE")
    assert page.text("token") == ""
    page.use(transport)
    page.wait_for_state("Live over SSE" if transport == "sse" else "Live over WebSocket")
    publish(asking, project, type="note", message="hello")
    wait_until_blocking(lambda: page.count("received") == 1, "nothing was received")
    opened = page.run("return performance.getEntriesByType('resource').map(({name}) => name)")
    assert not [url for url in opened if own in url]
    assert own not in browser.current_url
    assert own not in browser.page_source
    browser.refresh()
    page.wait_for_state("Live over SSE")
    browser.switch_to.new_window("tab")
    other = TokenPage(browser, asking.url, project)
    other.wait_for_state("Token needed")
    browser.close()
    browser.switch_to.window(browser.window_handles[-1])


def test_a_token_that_is_refused_is_asked_for_anew(
    browser: Chrome, asking: Live, project: str
) -> None:
    """With what the server says; and who may not read is told so."""
    page = TokenPage(browser, asking.url, project)
    page.give("no.token.atall")
    wait_until_blocking(lambda: "token" in page.text("token-why"), "nothing was said")
    page.wait_for_state("Token needed")
    page.give(token_of("another"))
    page.wait_for_state("Refused")
    assert f"you may not read projects/{project}" in page.text("notice")


def test_a_token_that_ends_is_asked_for_before_and_nothing_is_lost(
    browser: Chrome, asking: Live, project: str
) -> None:
    page = TokenPage(browser, asking.url, project)
    # Half of what is left is the time for the warning to be seen, also on a busy machine.
    page.give(token_of(project, ttl=12))
    page.wait_for_state("Live over ")
    wait_until_blocking(
        lambda: page.text("token-why").startswith("Your token ends in a moment"), "not warned"
    )
    assert page.text("state").startswith("Live over ")
    page.wait_for_state("Token needed")
    publish(asking, project, type="note", message="meanwhile")
    page.give(token_of(project))
    page.wait_for_state("Live over ")
    wait_until_blocking(lambda: page.count("received") == 1, "it was lost")


@pytest.mark.parametrize("transport", ["sse", "websocket"])
def test_a_stream_outlives_the_tokens_that_were_made_for_it(
    browser: Chrome, start_live: StartLive, project: str, transport: str
) -> None:
    """Each is replaced before it ends, on the connection that is open, and nobody is asked."""
    live = start_live(STREAMER_AUTH_SECRET=SECRET, STREAMER_TOKEN_TTL="10")
    page = TokenPage(browser, live.url, project)
    page.give(token_of(project))
    page.wait_for_state("Live over SSE")
    page.use(transport)
    page.wait_for_state("Live over SSE" if transport == "sse" else "Live over WebSocket")
    before = page.count("reconnects")
    wait_until_blocking(lambda: page.run(_RENEWALS) >= 3, "it was not renewed")
    assert page.text("state").startswith("Live over ")
    assert page.count("reconnects") == before
    assert page.text("token") == ""


def test_who_forgets_the_token_is_asked_again(browser: Chrome, asking: Live, project: str) -> None:
    page = TokenPage(browser, asking.url, project)
    page.give(token_of(project))
    page.wait_for_state("Live over ")
    browser.find_element(By.ID, "forget").click()
    page.wait_for_state("Token needed")


def test_a_result_plays_and_its_address_is_of_minutes(
    browser: Chrome, start_live: StartLive, project: str, tmp_path: Path, clip: Path
) -> None:
    job = f"{project}-job"
    shutil.copy(clip, tmp_path / f"{job}.mp4")
    live = start_live(STREAMER_AUTH_SECRET=SECRET, STREAMER_OUTPUT_DIR=str(tmp_path))
    topics = Patterns([f"projects/{project}", f"jobs/{job}"])
    own = Issuer(SECRET).issue(Grants("7", subscribe=topics, publish=topics), 3600)
    result = {"url": f"/files/{job}.mp4"}
    done = {"type": "completed", "job_id": job, "task_name": "encode", "result": result}
    answer = httpx.post(
        f"{live.url}/api/v1/events",
        json={**done, "topics": [f"projects/{project}", f"jobs/{job}"]},
        headers={"Authorization": f"Bearer {own}"},
    )
    assert answer.status_code == 201
    page = TokenPage(browser, live.url, project)
    page.give(own)
    page.wait_for_state("Live over ")
    page.open(f"jobs/{job}")
    video = "document.querySelector('.job video')"
    wait_until_blocking(
        lambda: page.run(f"return {video} !== null && {video}.readyState > 0"), "it does not play"
    )
    assert "?token=" in page.run(f"return {video}.src")
    assert own not in page.run(f"return {video}.src")
    assert "token" not in page.run("return document.querySelector('[data-part=result]').href")
