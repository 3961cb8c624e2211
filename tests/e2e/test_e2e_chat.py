"""A conversation on the page: people in two tabs, and an answer that outlives all of it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from support.ai_server import AiServer, Step, chunk, whole
from support.live import Live, StartLive
from support.live_page import LivePage
from support.nginx import nginx_before
from support.quick_worker import quick_worker
from support.waiting import DidNotCome, wait_until_blocking

SECRET: Final = "0123456789abcdef" * 2
_SAID: Final = """
return [...document.querySelectorAll("#chat-items > li")].map((item) => [
  item.querySelector("[data-part=name]").textContent,
  item.querySelector("[data-part=text]").textContent,
  item.dataset.state]);
"""


class Talk:
    """A conversation, opened in one tab."""

    def __init__(self, browser: Chrome, url: str, name: str | None = None) -> None:
        self.page: Final = LivePage.__new__(LivePage)
        self.page.browser = browser  # type: ignore[misc]
        self.browser: Final = browser
        self.url: Final = url
        browser.get(f"{url}/#chats/t1")
        if name is not None:
            self.fill("chat-name", name + Keys.ENTER)
        self.tab: Final = browser.current_window_handle

    def fill(self, element: str, text: str) -> None:
        field = self.browser.find_element(By.ID, element)
        field.send_keys(Keys.CONTROL + "a", Keys.NULL, text)

    def front(self) -> Talk:
        """Have this tab in front."""
        self.browser.switch_to.window(self.tab)
        return self

    def say(self, text: str) -> None:
        self.browser.find_element(By.ID, "chat-text").send_keys(text + Keys.ENTER)

    def said(self) -> list[list[str]]:
        """Who said what, and how that is."""
        found: list[list[str]] = self.browser.execute_script(_SAID)
        return found

    def shows(self, *lines: tuple[str, str, str]) -> None:
        """Wait until the end of it is these lines."""
        wanted = [list(line) for line in lines]
        try:
            wait_until_blocking(
                lambda: self.said()[-len(wanted) :] == wanted, f"{wanted} was not shown"
            )
        except DidNotCome as error:
            raise AssertionError(f"{error}: {self.said()}, {self.text('chat-failure')}") from None

    def text(self, element: str) -> str:
        return str(self.browser.find_element(By.ID, element).text)

    def reads(self, element: str, words: str) -> None:
        """Wait until there is written `words` somewhere in an element."""
        wait_until_blocking(
            lambda: words in self.text(element),
            f"{words!r} was not in #{element}: {self.text(element)!r}",
        )

    def part(self, name: str) -> str:
        """Of all items what is written in a part."""
        script = (
            "return [...document.querySelectorAll('#chat-items [data-part=' + arguments[0] + ']')]"
            ".map((part) => part.textContent).join('|')"
        )
        return str(self.browser.execute_script(script, name))

    def part_reads(self, name: str, words: str) -> None:
        wait_until_blocking(lambda: words in self.part(name), f"{words!r} was in no {name}")


@pytest.fixture
def talk_alone(browser: Chrome, start_live: StartLive) -> tuple[Live, Talk]:
    """A conversation that nobody answers."""
    live = start_live()
    return live, Talk(browser, live.url, "Ada")


def post(live: Live, what: str, user: str, **body: object) -> str:
    target = f"{live.url}/api/v1/chats/t1/{what}?username={user}"
    answered = httpx.post(target, json=body).raise_for_status()
    return str(answered.json()["id"]) if answered.content else ""


def test_two_tabs_talk(talk_alone: tuple[Live, Talk]) -> None:
    """Each sees who is there, what the other says and thinks, types and has read."""
    live, ada = talk_alone
    ada.reads("chat-present-said", "1 person here: Ada (you)")
    ada.browser.switch_to.new_window("window")
    bob = Talk(ada.browser, live.url, "Bob")
    bob.reads("chat-present-said", "2 people here: ")
    bob.say("hello")
    bob.shows(("You", "hello", "said"))
    ada.front().shows(("Bob", "hello", "said"))
    ada.browser.find_element(By.ID, "chat-text").send_keys("I am")
    bob.front().reads("chat-typing", "Ada is typing")
    ada.front().say(" here")
    bob.front().shows(("You", "hello", "said"), ("Ada", "I am here", "said"))
    assert bob.text("chat-typing") == ""
    summary = bob.browser.find_elements(By.CSS_SELECTOR, "#chat-items summary")[-1]
    summary.send_keys(Keys.ENTER)
    choice = bob.browser.find_element(By.CSS_SELECTOR, "details[open] [data-reaction='🎉']")
    choice.send_keys(Keys.ENTER)
    bob.part_reads("given", "🎉 1")
    ada.front().part_reads("given", "🎉 1")
    bob.front().part_reads("seen", "Seen by Ada")
    # A press takes it back.
    pill = bob.browser.find_element(By.CSS_SELECTOR, "[data-part=given] button")
    assert pill.get_attribute("aria-pressed") == "true"
    pill.click()
    wait_until_blocking(lambda: bob.part("given").strip("|") == "", "it was not taken back")
    bob.browser.close()
    ada.front().reads("chat-present-said", "1 person here")


def test_older_messages_come_as_one_scrolls(talk_alone: tuple[Live, Talk]) -> None:
    """And what somebody looks at stays where it is."""
    live, ada = talk_alone
    with httpx.Client() as client:
        target = f"{live.url}/api/v1/chats/t1/messages?username=Bob"
        for n in range(100):
            client.post(target, json={"message": f"number {n}"}).raise_for_status()
    ada.browser.refresh()
    ada.shows(("Bob", "number 99", "said"))
    assert len(ada.said()) < 100

    def all_there() -> bool:
        ada.browser.execute_script("document.getElementById('chat-log').scrollTop = 0")
        return [text for _, text, _ in ada.said()] == [f"number {n}" for n in range(100)]

    wait_until_blocking(all_there, "not every message came")
    newer = ada.browser.find_element(By.ID, "chat-newer")
    wait_until_blocking(newer.is_displayed, "it is not said that there is newer")
    newer.click()
    wait_until_blocking(lambda: not newer.is_displayed(), "it did not go there")


def test_all_of_it_is_done_by_keyboard(talk_alone: tuple[Live, Talk]) -> None:
    """Shift and Enter begin a line; Esc closes the choice of reactions, then the conversation."""
    _, ada = talk_alone
    text = ada.browser.find_element(By.ID, "chat-text")
    text.send_keys("one", Keys.SHIFT + Keys.ENTER, Keys.NULL, "two / three", Keys.ENTER)
    ada.shows(("You", "one\ntwo / three", "said"))
    # It is heard before it is answered that it was said.
    wait_until_blocking(lambda: text.get_attribute("value") == "", "it was not cleared")
    summary = ada.browser.find_element(By.CSS_SELECTOR, "#chat-items summary")
    summary.send_keys(Keys.ENTER)
    assert ada.browser.find_elements(By.CSS_SELECTOR, "details[open]") != []
    ActionChains(ada.browser).send_keys(Keys.ESCAPE).perform()
    assert ada.browser.find_elements(By.CSS_SELECTOR, "details[open]") == []
    assert ada.browser.switch_to.active_element == summary
    ActionChains(ada.browser).send_keys(Keys.ESCAPE).perform()
    wait_until_blocking(
        lambda: not ada.browser.find_element(By.ID, "chat").is_displayed(), "it was not closed"
    )


@pytest.fixture
def hold() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_an_answer_is_streamed_and_a_reload_in_its_middle_shows_all_of_it(
    browser: Chrome, start_live: StartLive, hold: threading.Event
) -> None:
    steps: list[Step] = [chunk("The first "), chunk("half, "), hold, *whole("and the second")]
    with AiServer(steps) as server:
        live = start_live(STREAMER_AI_URL=server.url)
        with quick_worker(live.environ):
            ada = Talk(browser, live.url, "Ada")
            ada.say("tell me")
            ada.shows(("You", "tell me", "said"), ("Assistant", "The first half, ", "saying"))
            browser.refresh()
            ada.shows(("You", "tell me", "said"), ("Assistant", "The first half, ", "saying"))
            hold.set()
            ada.shows(
                ("You", "tell me", "said"),
                ("Assistant", "The first half, and the second", "whole"),
            )
            browser.refresh()
            ada.shows(("Assistant", "The first half, and the second", "whole"))
    assert len(ada.said()) == 2


def test_a_line_that_is_cut_on_purpose_costs_no_word_and_no_other_tab_hears_of_it(
    browser: Chrome, start_live: StartLive, hold: threading.Event
) -> None:
    steps: list[Step] = [chunk("The first half, "), hold, *whole("and ", "the second")]
    with AiServer(steps) as server:
        live = start_live(STREAMER_AI_URL=server.url)
        with quick_worker(live.environ):
            ada = Talk(browser, live.url, "Ada")
            ada.say("tell me")
            ada.shows(("Assistant", "The first half, ", "saying"))
            browser.switch_to.new_window("tab")
            bob = Talk(browser, live.url, "Bob")
            bob.shows(("Assistant", "The first half, ", "saying"))
            ada.front()
            browser.find_element(By.ID, "chat-cut").click()
            ada.reads("chat-notice", "The line is cut for 3 s.")
            ada.reads("state", "Connection cut")
            hold.set()
            bob.front().shows(("Assistant", "The first half, and the second", "whole"))
            browser.close()
            ada.front().shows(("Assistant", "The first half, and the second", "whole"))
            ada.reads("chat-notice", "3 words came at once")
            ada.reads("state", "Live")
            assert [text for _, text, _ in ada.said()][1:] == ["The first half, and the second"]


def test_a_worker_that_is_killed_in_the_middle_doubles_no_word(
    browser: Chrome, start_live: StartLive, hold: threading.Event
) -> None:
    steps: list[Step] = [chunk("The first "), chunk("half, "), hold]
    with AiServer(steps, [chunk("The first "), hold, *whole("time, again")]) as server:
        live = start_live(STREAMER_AI_URL=server.url)
        ada = Talk(browser, live.url, "Ada")
        ada.say("tell me")
        with quick_worker(live.environ) as worker:
            ada.shows(("Assistant", "The first half, ", "saying"))
            worker.signal(signal.SIGKILL)
            worker.wait()
        ada.shows(("Assistant", "The first half, ", "saying"))
        with quick_worker(live.environ):
            ada.shows(("Assistant", "The first ", "saying"))
            ada.part_reads("note", "Attempt 2")
            hold.set()
            ada.shows(("Assistant", "The first time, again", "whole"))


def test_an_answer_is_stopped(
    browser: Chrome, start_live: StartLive, hold: threading.Event
) -> None:
    with AiServer([chunk("The first "), hold]) as server:
        live = start_live(STREAMER_AI_URL=server.url)
        with quick_worker(live.environ):
            ada = Talk(browser, live.url, "Ada")
            ada.say("tell me")
            ada.shows(("Assistant", "The first ", "saying"))
            browser.find_element(By.CSS_SELECTOR, "[data-part=stop]:not([hidden])").click()
            ada.shows(("Assistant", "The first ", "stopped"))
            ada.part_reads("note", "Stopped")


def test_what_is_refused_is_said_and_what_was_typed_stays(
    browser: Chrome, start_live: StartLive
) -> None:
    """And who may not read the conversation is told so."""
    live = start_live(STREAMER_AUTH_SECRET=SECRET)

    def token_of(reads: str, writes: tuple[str, ...] = ()) -> str:
        grants = Grants("ada", subscribe=Patterns((reads,)), publish=Patterns(writes))
        return Issuer(SECRET).issue(grants, 600)

    def enter(token: str) -> None:
        browser.execute_script("sessionStorage.clear()")
        browser.refresh()
        field = browser.find_element(By.ID, "token-text")
        wait_until_blocking(field.is_displayed, "no token was asked for")
        field.send_keys(token, Keys.ENTER)

    talk = Talk(browser, live.url)
    enter(token_of("chats/t1"))
    talk.reads("state", "Live")
    talk.say("hello")
    talk.reads("chat-failure", "may not publish")
    assert browser.find_element(By.ID, "chat-text").get_attribute("value") == "hello"
    enter(token_of("chats/t1", ("chats/t1",)))
    talk.say("hello")
    talk.shows(("You", "hello", "said"))
    enter(token_of("chats/other"))
    talk.reads("chat-failure", "chats/t1")
    browser.execute_script("sessionStorage.clear()")


def test_beneath_a_prefix_it_is_the_same(
    browser: Chrome, start_live: StartLive, short_dir: Path
) -> None:
    live = start_live()
    with nginx_before((live.port, live.port), short_dir, "/live") as url:
        ada = Talk(browser, url, "Ada")
        ada.reads("chat-present-said", "Ada (you)")
        ada.say("hello")
        ada.shows(("You", "hello", "said"))


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [360, 1280])
def test_axe_finds_nothing(talk_alone: tuple[Live, Talk], *, width: int, dark: bool) -> None:
    """Empty, and with messages, an answer, one that failed, reactions and who is typing."""
    live, ada = talk_alone
    page = ada.page
    scheme: dict[str, Any] = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    ada.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    page.resize(width)
    ada.reads("chat-present-said" if width > 1000 else "chat-faces", "A")
    found = {"empty": page.violations()}
    first = post(live, "messages", "Bob", message="hello", attachments=[{"url": "/a", "name": "a"}])
    ada.say("hi " * 50)
    for kind, fields in (
        ("ai_chunk", {"answer": "a", "chunk": "word " * 30, "attempt": 2}),
        ("ai_complete", {"answer": "b", "message": "whole", "attempt": 1, "reply_to": first}),
        ("ai_failed", {"answer": "c", "message": "half", "error": "away", "reason": "error"}),
    ):
        event = {"topic": "chats/t1", "type": kind, **fields}
        httpx.post(f"{live.url}/api/v1/events", json=event).raise_for_status()
    post(live, "reactions", "Bob", message_id=first, reaction="👍")
    post(live, "typing", "Bob", is_typing=True)
    ada.reads("chat-typing", "Bob is typing")
    ada.part_reads("given", "👍 1")
    found["full"] = page.violations()
    assert ada.browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    ada.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    page.resize(1280)
    assert found == {"empty": [], "full": []}
