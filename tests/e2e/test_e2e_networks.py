"""The JavaScript client in a real browser, on networks as people have them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from selenium.webdriver import Chrome

from support.client_page import ClientPage, publish_notes
from support.held_clock import hold_clock
from support.hostile_network import HostileNetwork, Mood
from support.live import Live, StartLive
from support.waiting import DidNotCome, wait_until_blocking

#: Milliseconds that a page's clock jumps, as soon as nothing happens: more than what a proxy is
#: given for the first word, less than what makes a connection a dead one.
STEP: Final = 11_000
#: Milliseconds after which a connection is dead: three heartbeats.
SILENCE: Final = 46_000
#: Milliseconds after which one that polls has asked whether there is a better way.
BACK: Final = 61_000
#: Seconds that something may take on a busy machine, between two jumps; and how many of them.
PAUSE: Final = 2.0
JUMPS: Final = 15
Held = tuple[Mood, str]
#: What a proxy does with streams, and how the client gets past.
HELD: Final[list[Held]] = [("buffering", "websocket"), ("buffering-all", "poll")]
EARLIEST: Final = {"from": "earliest"}


OpenPage = Callable[..., ClientPage]


@pytest.fixture
def live(start_live: StartLive) -> Live:
    return start_live(STREAMER_RETRY_MS="100", STREAMER_HEARTBEAT="1")


@pytest.fixture
def network(live: Live) -> Iterator[HostileNetwork]:
    with HostileNetwork(live.port) as network:
        yield network


@pytest.fixture
def open_page(browser: Chrome, network: HostileNetwork, project: str) -> OpenPage:
    """Open a page of one subscription, with its clock in the test's hands."""
    hold_clock(browser)

    def open_page(*, components: int = 1, **options: Any) -> ClientPage:  # noqa: ANN401 - its own
        topic = f"projects/{project}"
        return ClientPage(browser, network.url, topic, components=components, **options)

    return open_page


def transport(page: ClientPage) -> str:
    return str(page.run("return subscriptions[0].transport"))


def hurry(page: ClientPage, condition: Callable[[], object], what: str, step: int = STEP) -> None:
    """Wait for it while the page's time flies: `step` milliseconds whenever nothing happens."""
    for _ in range(JUMPS):
        with contextlib.suppress(DidNotCome):
            wait_until_blocking(condition, what, deadline=PAUSE)
            return
        page.run(f"clock.skip({step})")
    shown = page.run("return JSON.stringify([subscriptions[0], got])")
    raise AssertionError(f"{what}: {shown}")


def hurry_over_to(page: ClientPage, way: str) -> None:
    """Wait until it is live, that way."""
    states = ("live", "polling")
    hurry(
        page,
        lambda: transport(page) == way and page.run("return subscriptions[0].state") in states,
        f"it never was live over {way}",
    )


def test_a_stream_that_is_blocked_in_the_middle_goes_on_by_polling_and_comes_back(
    network: HostileNetwork, open_page: OpenPage, live: Live, project: str
) -> None:
    """A VPN was switched on, and off again: nothing is lost either way, nothing told twice."""
    topic = f"projects/{project}"
    page = open_page(subscribe=EARLIEST)
    publish_notes(live, topic, range(3))
    page.wait_for(range(3))
    assert transport(page) == "sse"
    network.mood = "blocking"
    network.cut()
    publish_notes(live, topic, range(3, 6))
    hurry_over_to(page, "poll")
    page.wait_for(range(6))
    # It asks now and then, and stays where it is for as long as it is refused.
    number = 6
    for network.mood, way in (("blocking", "poll"), ("open", "sse")):
        for _ in range(3):
            page.run(f"clock.skip({BACK // 2})")
            publish_notes(live, topic, [number])
            number += 1
            page.wait_for(range(number))
        wait_until_blocking(lambda way=way: transport(page) == way, f"it was not over {way}")  # type: ignore[misc]
    page.wait_for_state("live")
    publish_notes(live, topic, range(12, 15))
    page.wait_for(range(15))
    assert page.run("return window.gaps") == 0


@pytest.mark.parametrize("held", HELD, ids=[mood for mood, _ in HELD])
def test_a_proxy_that_holds_streams_back_is_noticed_by_its_silence(
    network: HostileNetwork, open_page: OpenPage, live: Live, project: str, held: Held
) -> None:
    """The request is taken, and nothing ever comes: another way is tried."""
    topic = f"projects/{project}"
    page = open_page()
    page.wait_for_state("live")
    network.mood, way = held
    network.cut()
    publish_notes(live, topic, range(3))
    hurry_over_to(page, way)
    page.wait_for(range(3))
    publish_notes(live, topic, range(3, 6))
    page.wait_for(range(6))
    assert page.run("return window.gaps") == 0


def test_a_line_that_goes_dead_is_left_after_three_heartbeats(
    network: HostileNetwork, open_page: OpenPage, live: Live, project: str
) -> None:
    """Nobody ended it, and nothing comes over it any more."""
    topic = f"projects/{project}"
    page = open_page()
    page.wait_for_state("live")
    network.stall()
    publish_notes(live, topic, range(3))
    hurry(page, lambda: page.got() == [[0, 1, 2]], "it never left the dead line", SILENCE)
    assert transport(page) == "sse"


def test_a_laptop_that_slept_is_live_again_at_once(
    browser: Chrome,
    network: HostileNetwork,
    open_page: OpenPage,
    live: Live,
    project: str,
) -> None:
    """Its clock has jumped, its connection is dead without knowing, and its timers did not run."""
    topic = f"projects/{project}"
    page = open_page()
    page.wait_for_state("live")
    network.stall()
    publish_notes(live, topic, range(3))
    page.run("clock.sleep(8 * 3600 * 1000); dispatchEvent(new Event('online'))")
    page.wait_for(range(3))
    page.wait_for_state("live")


def test_a_tab_long_in_the_background_has_everything(
    network: HostileNetwork, open_page: OpenPage, live: Live, project: str
) -> None:
    """Its timers run once a minute; the stream does not wait for them, nor does a new one."""
    topic = f"projects/{project}"
    page = open_page(components=2)
    page.wait_for_state("live")
    page.run("""
      Object.defineProperty(document, "hidden", { value: true, configurable: true });
      Object.defineProperty(document, "visibilityState", { value: "hidden", configurable: true });
      document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
      clock.throttle(60000);
    """)
    publish_notes(live, topic, range(3))
    page.wait_for(range(3))
    network.cut()
    publish_notes(live, topic, range(3, 6))
    page.run("clock.skip(61000)")
    page.wait_for(range(6))
    network.cut()
    publish_notes(live, topic, range(6, 9))
    # Whoever looks again does not wait for a timer.
    page.run("""
      delete document.hidden;
      delete document.visibilityState;
      clock.throttle(0);
      document.dispatchEvent(new Event("visibilitychange", { bubbles: true }));
    """)
    page.wait_for(range(9))


def test_a_portal_that_answers_all_with_its_page_is_waited_out_and_said_to_be_no_server(
    browser: Chrome, network: HostileNetwork, open_page: OpenPage, live: Live, project: str
) -> None:
    """200 and HTML, whatever is asked for, until somebody has clicked: as in a hotel or a train."""
    topic = f"projects/{project}"
    page = open_page()
    page.wait_for_state("live")
    network.mood = "portal"
    network.cut()
    page.wait_for_state("waiting")
    page.run(f"window.sent = client.publish('{topic}', 'note', {{ n: 3 }}); sent.catch(() => {{}})")
    publish_notes(live, topic, range(3))
    for _ in range(6):  # through every transport, twice
        page.run("clock.skip(20000)")
        page.wait_for_state("waiting")
    assert page.run("return subscriptions[0].reason")
    network.mood = "open"
    hurry(page, lambda: page.got() == [[0, 1, 2, 3]], "it never came back with all of it")
    assert page.run("return window.gaps") == 0
    # A browser says of each module that it got a page instead.
    browser.get_log("browser")  # type: ignore[no-untyped-call]


def test_a_page_that_was_frozen_hears_what_came_meanwhile(
    browser: Chrome,
    network: HostileNetwork,
    open_page: OpenPage,
    live: Live,
    project: str,
) -> None:
    """As a phone does with a page in the background."""
    topic = f"projects/{project}"
    page = open_page()
    page.wait_for_state("live")
    browser.execute_cdp_cmd("Page.setWebLifecycleState", {"state": "frozen"})
    publish_notes(live, topic, range(3))
    browser.execute_cdp_cmd("Page.setWebLifecycleState", {"state": "active"})
    page.wait_for(range(3))
    page.wait_for_state("live")
