from __future__ import annotations

import httpx
import pytest
from selenium.webdriver import Chrome

from support.live_page import LivePage
from support.waiting import wait_until_blocking


@pytest.fixture
def page(browser: Chrome, everything: str, project: str) -> LivePage:
    return LivePage(browser, everything, project)


def publish(url: str, project: str, **fields: object) -> None:
    answer = httpx.post(f"{url}/api/v1/projects/{project}/events", json=fields)
    answer.raise_for_status()


def assert_saw_everything_once(page: LivePage) -> None:
    ids = [event_id for event_id, _ in page.events()]
    assert ids == page.published()
    assert (page.count("duplicates"), page.count("gaps")) == (0, 0)
    assert page.count("received") == len(ids)


@pytest.mark.parametrize(("transport", "words"), [("sse", "SSE"), ("websocket", "WebSocket")])
def test_a_transcode_is_watched_from_0_to_100_percent(
    page: LivePage, transport: str, words: str
) -> None:
    """The bar of a real transcode moves from 0 to 100 % and never back, and the video plays."""
    page.use(transport)
    page.wait_for_state(f"Live over {words}")
    page.start()
    page.wait_for_job("completed")
    shown = page.shown()
    assert (shown[0], shown[-1]) == (0, 100)
    assert shown == sorted(shown)
    assert len(set(shown)) > 5
    assert_saw_everything_once(page)
    wait_until_blocking(
        lambda: page.run("return document.querySelector('.job video').readyState") >= 1,
        "the result never became playable",
    )
    assert page.run("return document.querySelector('.job video').videoHeight") == 240


@pytest.mark.parametrize("transport", ["sse", "websocket"])
def test_a_cut_in_the_middle_of_a_job_loses_and_doubles_nothing(
    page: LivePage, transport: str
) -> None:
    """What happened while the line was cut is replayed, and the bar still reaches 100 %."""
    page.use(transport)
    page.wait_until_live()
    connections = page.count("reconnects")
    page.start(height=480)
    page.wait_for_progress(5)
    page.cut()
    page.wait_for_state("Connection cut")
    page.wait_until_live()
    page.wait_for_job("completed")
    assert page.shown()[-1] == 100
    assert page.count("reconnects") == connections + 1
    assert "replayed" in {origin for _, origin in page.events()}
    assert_saw_everything_once(page)


def test_a_switch_of_transport_in_the_middle_of_a_job_loses_and_doubles_nothing(
    page: LivePage,
) -> None:
    page.start()
    page.wait_for_progress(1)
    page.use("websocket")
    page.wait_for_state("Live over WebSocket")
    page.use("sse")
    page.wait_for_job("completed")
    assert_saw_everything_once(page)


def test_a_source_that_is_not_there_is_told_in_the_form(page: LivePage) -> None:
    """The server's own sentence, with what was wrong and what is allowed, and no job."""
    page.start("../../etc/passwd")
    wait_until_blocking(lambda: page.text("start-failure"), "no failure was shown")
    assert "passwd" in page.text("start-failure")
    assert "media directory" in page.text("start-failure")
    assert page.job("status") == ""
    assert page.published() == []


def test_a_job_is_cancelled_from_its_card(page: LivePage) -> None:
    page.start(height=1080)
    page.wait_for_progress(1)
    page.cancel()
    page.wait_for_job("cancelled")
    assert page.shown()[-1] < 100


def test_jobs_of_others_show_up_and_their_words_stay_words(
    page: LivePage, everything: str, project: str
) -> None:
    """Markup in an event is shown as the text it is, and runs nothing."""
    markup = "<img src=x onerror=\"document.title='run'\"><b>bold</b>"
    publish(
        everything, project, type="progress", task_name=markup, progress=0.5, message=markup * 3
    )
    wait_until_blocking(lambda: page.job("name") == markup, "the job never showed up")
    assert page.job("percent") == "50 %"
    assert page.job("message") == (markup * 3)
    assert page.run("return document.querySelectorAll('.job img, .log img, .log b').length") == 0
    assert page.run("return document.title") == "50 % · Streamer"


@pytest.mark.parametrize("transport", ["sse", "websocket"])
def test_a_page_that_is_left_lets_go_of_its_connection_and_resumes_when_it_is_back(
    browser: Chrome, page: LivePage, everything: str, project: str, transport: str
) -> None:
    page.use(transport)
    page.wait_until_live()
    count = f"{everything}/api/v1/ws/projects/{project}/connections"

    def readers() -> int:
        return int(httpx.get(count).json()["active_connections"])

    wait_until_blocking(lambda: readers() == 1, "the page was not counted")
    browser.get(f"{everything}/healthz")
    wait_until_blocking(lambda: readers() == 0, "the page that was left kept its connection")
    publish(everything, project, type="note", text="meanwhile")
    browser.back()
    page.wait_until_live()
    wait_until_blocking(lambda: readers() == 1, "the page did not connect again")
    publish(everything, project, type="note", text="afterwards")
    wait_until_blocking(lambda: page.published()[-1:] == [page.text("last-event-id")], "no event")


def test_an_address_that_names_no_project_shows_the_demo(browser: Chrome, everything: str) -> None:
    page = LivePage(browser, everything, "%zz")
    assert page.run("return document.getElementById('project').value") == "demo"


def test_one_who_comes_late_sees_every_job(browser: Chrome, everything: str, project: str) -> None:
    """Of one actor too: what runs first, then what waits, then what ended, by its id."""

    def tell(job_id: str, kind: str, **fields: object) -> None:
        fields = {"type": kind, "job_id": job_id, "task_name": "thumbnails", **fields}
        publish(everything, project, **fields)

    tell("done-1", "completed")
    tell("run-1", "progress", progress=0.72, message="drawing")
    tell("wait-1", "status", status="queued", message="Queued")
    tell("run-2", "progress", progress=0.06)
    tell("fail-1", "error", error="no disk")
    page = LivePage(browser, everything, project)
    cards = """
      return [...document.querySelectorAll(".job")].map((card) =>
        ["facts", "status", "percent"].map((part) =>
          card.querySelector(`[data-part=${part}]`).textContent.split(" · ").at(-1)));
    """
    expected = [
        ["run-2", "running", "6 %"],
        ["run-1", "running", "72 %"],
        ["wait-1", "queued", "0 %"],
        ["fail-1", "failed", ""],
        ["done-1", "completed", "100 %"],
    ]
    wait_until_blocking(lambda: page.run(cards) == expected, "not every job was shown")
    tell("wait-1", "progress", progress=0.5)
    tell("run-1", "completed")
    names = ["wait-1", "run-2", "run-1", "fail-1", "done-1"]
    wait_until_blocking(lambda: [card[0] for card in page.run(cards)] == names, "no other order")


def test_one_who_comes_late_sees_where_the_job_is(
    browser: Chrome, everything: str, project: str
) -> None:
    publish(everything, project, type="progress", task_name="render", progress=0.25, message="a")
    page = LivePage(browser, everything, project)
    wait_until_blocking(lambda: page.job("percent") == "25 %", "the snapshot was not shown")
    assert page.count("received") == 0


def test_one_who_comes_late_can_load_what_is_kept(
    browser: Chrome, everything: str, project: str
) -> None:
    """In its place, below what came since; each event once, and it is said that this is all."""
    for n in range(3):
        publish(everything, project, type="note", n=n)
    page = LivePage(browser, everything, project)
    publish(everything, project, type="note", n=3)
    wait_until_blocking(lambda: page.count("received") == 1, "the new event did not come")
    page.run("document.getElementById('earlier').click()")
    wait_until_blocking(
        lambda: page.text("earlier-said") == "3 earlier events: all that is kept",
        "the earlier events were not loaded",
    )
    ids = page.run(
        "return [...document.querySelectorAll('#log li code')].map((id) => id.textContent)"
        ".filter((id) => id !== '').reverse()"
    )
    assert ids == page.published()
    assert page.count("received") == 1


@pytest.mark.parametrize(
    ("result", "link", "text"),
    [
        ("https://a.example/b.csv", "https://a.example/b.csv", ""),
        ("javascript:alert(1)", "", "javascript:alert(1)"),
        ("done", "", "done"),
        ({"rows": 5}, "", '{\n  "rows": 5\n}'),
    ],
    ids=str,
)
def test_any_result_is_shown_and_only_http_is_a_link(  # noqa: PLR0917 - the columns of a table
    page: LivePage, everything: str, project: str, result: object, link: str, text: str
) -> None:
    publish(everything, project, type="completed", task_name="t", result=result)
    wait_until_blocking(lambda: page.job("status") == "completed", "the job never showed up")
    assert page.job("output") == text
    assert page.job("result") == ("Open the result" if link else "")
    assert page.run("return document.querySelector('.job [data-part=result]').href") == link


def test_how_fast_a_job_goes_and_how_long_it_may_take_is_shown(
    page: LivePage, everything: str, project: str
) -> None:
    metadata = {"speed": 2.5, "eta": 75}
    publish(everything, project, type="progress", task_name="t", progress=0.5, metadata=metadata)
    wait_until_blocking(
        lambda: page.job("pace") == "2.5× · about 1:15 left",  # noqa: RUF001 - it is a times sign
        "the pace was not shown",
    )


@pytest.mark.parametrize("width", [1280, 390])
def test_the_type_of_an_event_stands_on_one_line(
    browser: Chrome, page: LivePage, everything: str, project: str, width: int
) -> None:
    """As the longest of a job does, in a wide window and in a narrow one."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    publish(everything, project, type="completed", task_name="t")
    publish(everything, project, type="progress", task_name="t", progress=0.5)
    wait_until_blocking(lambda: page.count("received") == 2, "the events did not come")
    heights = page.run(
        "return ['completed', 'progress'].map((type) => document.querySelector("
        "`#log [data-type=${type}] .type`).firstChild).map((text) => { const range = "
        "document.createRange(); range.selectNode(text); "
        "return range.getClientRects().length; })"
    )
    assert heights == [1, 1]
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    metrics["width"] = 1280
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
