"""The page's form for jobs of somebody's own kinds, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import httpx
import pytest
from msgspec import Meta
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from streamer.config.settings import Settings
from streamer.jobs.broker import create_broker
from streamer.jobs.offers import Offer, Offers
from streamer.jobs.parameters import parameters_of
from support.live import Live, StartLive
from support.live_page import LivePage
from support.waiting import wait_until_blocking


def thumbnails(
    pages: list[str],
    width: Annotated[int, Meta(ge=1, le=640)] = 320,
    fit: Literal["cover", "contain"] = "cover",
    title: str | None = None,
    *,
    grey: bool,
) -> None:
    """Draw a thumbnail of each page."""


@pytest.fixture
def live(start_live: StartLive) -> Live:
    """A server beside which no worker runs."""
    return start_live()


@pytest.fixture
def offers(live: Live) -> Iterator[Offers]:
    environ = live.environ
    settings = Settings(redis_url=environ["STREAMER_REDIS_URL"], prefix=environ["STREAMER_PREFIX"])
    broker = create_broker(settings)
    yield Offers(broker.client, broker.namespace)
    broker.client.close()


def offer(name: str) -> Offer:
    schema, _ = parameters_of(thumbnails, name)
    return Offer(name, name, "default", schema, description="Draw a thumbnail of each page.")


@pytest.fixture
def page(browser: Chrome, live: Live) -> LivePage:
    page = LivePage(browser, live.url, "p1")
    page.open("new")
    return page


def wait_for(page: LivePage, element_id: str, words: str) -> None:
    wait_until_blocking(
        lambda: words in page.text(element_id),
        f"{element_id} said {page.text(element_id)!r}, never {words!r}",
    )


def test_a_job_of_ones_own_kind_is_asked_for_by_fields_of_its_parameters(
    page: LivePage, offers: Offers, live: Live
) -> None:
    """What is wrong is said at its field, by the browser or by the server; then it is queued."""
    page.choose("kind", "own")
    wait_for(page, "own-about", "No worker offers any yet")
    assert not page.browser.find_element(By.ID, "start").is_enabled()
    offers.put("own.a", [offer("sheets"), offer("thumbnails")], since=1.0)
    page.choose("kind", "transcode")

    def is_offered() -> bool:  # what is known is believed for a moment
        page.choose("kind", "transcode")
        page.choose("kind", "own")
        wait_until_blocking(lambda: page.text("own-about") != "Asking which kinds there are …", "?")
        return page.text("own-about") == "Draw a thumbnail of each page."

    wait_until_blocking(is_offered, "the kinds were never offered")
    kinds = Select(page.browser.find_element(By.ID, "own-kind"))
    assert [option.text for option in kinds.options] == ["sheets", "thumbnails"]
    kinds.select_by_value("thumbnails")
    labels = page.browser.find_elements(By.CSS_SELECTOR, "#own-fields label")
    assert [label.text for label in labels] == [
        *("pages, as JSON", "width (may be left out)", "fit (may be left out)"),
        *("title (may be left out)", "grey"),
    ]
    assert not page.browser.find_element(By.ID, "source").is_displayed()

    Select(page.browser.find_element(By.ID, "own-grey")).select_by_value("false")
    page.fill(project="p1", **{"own-pages": "cover"})
    start = page.browser.find_element(By.ID, "start")
    start.click()
    said = "return document.getElementById('own-pages').validationMessage"
    assert page.run(said).startswith("This is no JSON")

    page.fill(**{"own-pages": '["cover", 7]'})
    start.click()
    wait_for(page, "start-failure", "Expected `str`, got `int` - at `$.pages[1]`")
    pages = page.browser.find_element(By.ID, "own-pages")
    assert pages.get_attribute("aria-invalid") == "true"
    assert page.browser.switch_to.active_element == pages

    page.fill(**{"own-pages": '["cover", "index"]', "own-width": "480"})
    start.click()
    wait_until_blocking(lambda: "#jobs/" in page.browser.current_url, "no job was opened")
    page.wait_for_job("queued")
    job = page.browser.current_url.partition("#jobs/")[2]
    assert httpx.get(f"{live.url}/api/v1/jobs/{job}").json()["kind"] == "thumbnails"
