"""A chat's React code, written for another server: only the address is another."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from support.ai_server import AiServer, Step, chunk, whole
from support.front_end import FrontEnd
from support.live import Live, StartLive
from support.nginx import nginx_before
from support.processes import streamer
from support.servers import Server
from support.waiting import wait_until_blocking

SESSION: Final = "42"


class Talk:
    """The page, with the people who talk on it."""

    def __init__(self, browser: Chrome, address: str, api: str, *who: str, page: int = 20) -> None:
        self._browser: Final = browser
        self.who: Final = who
        asked = {"api": api, "session": SESSION, "who": ",".join(who), "page": page}
        browser.get(f"{address}?{urlencode(asked)}")
        self.wait_until_connected()

    @staticmethod
    def wait(condition: Callable[[], Any], missing: str, **more: Any) -> None:  # noqa: ANN401
        wait_until_blocking(condition, missing, **more)

    def wait_until_connected(self) -> None:
        self.wait(
            lambda: self.texts(".state") == ["connected"] * len(self.who), "not all connected"
        )

    def texts(self, selector: str) -> list[str]:
        found: list[str] = self._browser.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map((one) => one.textContent)",
            selector,
        )
        return found

    def text(self, name: str, selector: str) -> str:
        (found,) = self.texts(f"#{name} {selector}")
        return found

    def messages(self, name: str) -> list[str]:
        """What somebody is shown, the oldest first; nothing twice."""
        return self.texts(f"#{name} .messages li")

    def type(self, name: str, text: str) -> None:
        self._browser.find_element(By.CSS_SELECTOR, f"#{name} input").send_keys(text)

    def say(self, name: str, text: str) -> None:
        self.type(name, text + "\n")

    def click(self, selector: str) -> None:
        self._browser.find_element(By.CSS_SELECTOR, selector).click()

    def wait_for(self, expected: list[str]) -> None:
        """Wait until all are shown exactly these messages."""
        self.wait(
            lambda: all(self.messages(name) == expected for name in self.who),
            f"not all were shown {expected}, but {[self.messages(name) for name in self.who]}",
        )


Script = list[Step]
#: Two server processes on one Redis, and the address of a front that balances.
Place = tuple[list[Live], str]


@pytest.fixture
def place(
    start_live: StartLive, own_server: Server, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Place]:
    """With a script, there is a worker too, and an AI that says what it says."""
    script: Script | None = getattr(request, "param", None)
    directory = tmp_path / "nginx"
    directory.mkdir()
    with ExitStack() as stack:
        settings = {"STREAMER_AI_URL": "none"}
        if script is not None:
            settings["STREAMER_AI_URL"] = stack.enter_context(AiServer(script)).url
        first = start_live(redis_url=own_server.url, **settings)
        prefix = first.environ["STREAMER_PREFIX"]
        second = start_live(redis_url=own_server.url, STREAMER_PREFIX=prefix, **settings)
        if script is not None:
            worker = stack.enter_context(streamer("worker", environ=first.environ))
            worker.wait_for("running jobs")
        address = stack.enter_context(nginx_before([first.port, second.port], directory))
        yield [first, second], address


@pytest.mark.parametrize("react", [18, 19])
def test_two_people_talk_see_each_other_type_read_come_and_leave(
    browser: Chrome, place: Place, front_end: FrontEnd, react: int
) -> None:
    talk = Talk(browser, front_end("talk", react), place[1], "Ada", "Bob")
    talk.wait(lambda: talk.texts(".users") == ["Ada, Bob"] * 2, "they did not see each other")
    talk.type("Ada", "hel")
    talk.wait(lambda: talk.text("Bob", ".typing") == "Ada is typing", "Bob saw nobody type")
    talk.say("Ada", "lo")
    talk.wait_for(["Ada: hello"])
    talk.wait(lambda: talk.text("Bob", ".typing") == "", "typing did not end")
    talk.wait(lambda: talk.text("Ada", ".seen") == "Seen by Bob", "no receipt came")
    talk.say("Bob", "hi")
    talk.wait_for(["Ada: hello", "Bob: hi"])
    talk.click("#close-Bob")
    talk.wait(lambda: talk.text("Ada", ".users") == "Ada", "nobody left")
    assert talk.texts("#Ada .moves li")[-1] == "Bob left"


def test_what_was_said_before_is_listed_page_by_page(
    browser: Chrome, place: Place, front_end: FrontEnd
) -> None:
    """And what is said meanwhile moves nothing."""
    url = f"{place[1]}/api/v1/chats/{SESSION}/messages?username=Cem"
    for number in range(5):
        assert httpx.post(url, json={"message": str(number)}).is_success
    talk = Talk(browser, front_end("talk"), place[1], "Ada", page=2)
    talk.wait_for(["Cem: 3", "Cem: 4"])
    talk.say("Ada", "hello")
    talk.click("#Ada .older")
    talk.wait_for(["Cem: 1", "Cem: 2", "Cem: 3", "Cem: 4", "Ada: hello"])
    talk.click("#Ada .older")
    talk.wait_for(["Cem: 0", "Cem: 1", "Cem: 2", "Cem: 3", "Cem: 4", "Ada: hello"])


@pytest.mark.parametrize("place", [whole("I am ", "a machine")], indirect=True)
def test_a_machine_answers(browser: Chrome, place: Place, front_end: FrontEnd) -> None:
    talk = Talk(browser, front_end("talk"), place[1], "Ada", "Bob")
    talk.say("Ada", "who are you?")
    talk.wait_for(["Ada: who are you?", "AI: I am a machine"])
    assert talk.texts(".streaming") == ["", ""]


def test_a_server_that_is_killed_costs_no_message_and_doubles_none(
    browser: Chrome, place: Place, front_end: FrontEnd
) -> None:
    """Each of the two in turn; more is said meanwhile than a page of the list has."""
    talk = Talk(browser, front_end("talk"), place[1], "Ada", "Bob", page=3)
    said: list[str] = []

    def post(text: str) -> None:
        """By somebody who asks again until it is taken, at whichever server lives."""
        url = f"{place[1]}/api/v1/chats/{SESSION}/messages?username=Cem"
        key = {"Idempotency-Key": text}
        wait_until_blocking(
            lambda: httpx.post(url, json={"message": text}, headers=key).is_success,
            "no server took it",
        )
        said.append(f"Cem: {text}")

    for turn, live in enumerate(place[0]):
        talk.say("Ada", f"before {turn}")
        said.append(f"Ada: before {turn}")
        talk.wait_for(said)
        live.kill()
        for number in range(7):
            post(f"meanwhile {turn} {number}")
        talk.wait_for(said)  # so they are back
        for name in talk.who:
            talk.say(name, f"after {turn}")
            said.append(f"{name}: after {turn}")
            talk.wait_for(said)
        live.start()
    # Who came back within the lease of a process that died never left.
    assert "left" not in "".join(talk.texts(".moves li"))
    assert set(talk.texts(".users")) == {"Ada, Bob"}


half, rest = threading.Event(), threading.Event()
_SLOW: Final[Script] = [chunk("I am "), half, chunk("a "), rest, *whole("machine")]


@pytest.mark.parametrize("place", [_SLOW], indirect=True)
def test_an_answer_is_whole_though_its_servers_are_killed_in_its_middle(
    browser: Chrome, place: Place, front_end: FrontEnd
) -> None:
    """The one after its first piece, the other after its second."""
    half.clear()
    rest.clear()
    talk = Talk(browser, front_end("talk"), place[1], "Ada", "Bob")
    talk.say("Ada", "who are you?")
    talk.wait(lambda: talk.texts(".streaming") == ["I am "] * 2, "the answer did not begin")
    first, second = place[0]
    first.kill()

    def are_back() -> bool:
        """A page may not have noticed yet; who types is seen by those alone who are there."""
        httpx.post(f"{place[1]}/api/v1/chats/{SESSION}/typing?username=Cem", json={})
        return talk.texts(".typing") == ["Cem is typing"] * 2

    talk.wait(are_back, "they did not come back")
    half.set()
    talk.wait(
        lambda: all(text.endswith("a ") for text in talk.texts(".streaming")), "it did not go on"
    )
    first.start()
    second.kill()
    rest.set()
    talk.wait_for(["Ada: who are you?", "AI: I am a machine"])
    talk.wait(lambda: talk.texts(".streaming") == ["", ""], "what was said is shown twice")
