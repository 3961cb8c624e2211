"""One job or project opened in the page, in a real browser."""

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


def publish_job(url: str, project: str, job: str, **fields: object) -> None:
    """As jobs are: to the project and to the job's own topic."""
    topics = [f"projects/{project}", f"jobs/{job}"]
    answer = httpx.post(f"{url}/api/v1/events", json={"topics": topics, "job_id": job, **fields})
    answer.raise_for_status()


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
    assert shown[-1] == 100
    assert shown == sorted(shown)
    assert len(set(shown)) > 5
    page.wait_for_all()
    assert page.count("gaps") == 0
    wait_until_blocking(
        lambda: page.run("return document.querySelector('.job video').readyState") >= 1,
        "the result never became playable",
    )
    assert page.run("return document.querySelector('.job video').videoHeight") == 240
    assert page.run("return document.querySelector('.job video').poster").endswith(".jpg")


@pytest.mark.parametrize("transport", ["sse", "websocket"])
def test_a_cut_in_the_middle_of_a_job_loses_and_doubles_nothing(
    page: LivePage, transport: str
) -> None:
    """What happened while the line was cut is replayed, and the bar still reaches 100 %."""
    page.use(transport)
    page.wait_until_live()
    page.start(height=360)
    page.wait_for_progress(5)
    page.cut()
    page.wait_for_state("Connection cut")
    assert "What happens meanwhile is kept" in page.text("notice")
    page.wait_until_live()
    page.wait_for_job("completed")
    assert page.shown()[-1] == 100
    assert page.count("reconnects") == 1
    assert page.events("replayed")
    page.wait_for_all()


def test_a_switch_of_transport_in_the_middle_of_a_job_loses_and_doubles_nothing(
    page: LivePage,
) -> None:
    page.start()
    page.wait_for_progress(1)
    page.use("websocket")
    page.wait_for_state("Live over WebSocket")
    page.use("sse")
    page.wait_for_job("completed")
    page.wait_for_all()


def test_a_source_that_is_not_there_is_told_in_the_form(page: LivePage) -> None:
    """The server's own sentence, with what was wrong and what is allowed, and no job."""
    page.start("../../etc/passwd")
    wait_until_blocking(lambda: page.text("start-failure"), "no failure was shown")
    assert "passwd" in page.text("start-failure")
    assert "media directory" in page.text("start-failure")
    assert page.run("return location.hash") == "#new"


def test_a_job_is_cancelled_and_run_again(page: LivePage) -> None:
    """By those who watch it: it is the same job, and its events go on."""
    page.start(height=1080)
    page.wait_for_job("running")
    page.press("cancel")
    page.wait_for_job("cancelled")
    ended = len(page.published())
    page.press("retry")
    page.wait_for_job("running")
    page.press("cancel")
    page.wait_for_job("cancelled")
    assert len(page.published()) > ended
    page.wait_for_all()


def test_the_words_of_others_stay_words(page: LivePage, everything: str, project: str) -> None:
    """Markup in an event is shown as the text it is, and runs nothing."""
    markup = "<img src=x onerror=\"document.title='run'\"><b>bold</b>"
    publish(
        everything, project, type="progress", task_name=markup, progress=0.5, message=markup * 3
    )
    link = "#part-rows a"
    wait_until_blocking(lambda: page.run(f"return document.querySelector('{link}')"), "no row")
    page.run(f"document.querySelector('{link}').click()")
    wait_until_blocking(lambda: page.text("opened-title") == markup, "it was not opened")
    assert page.job("percent") == "50 %"
    assert page.job("message") == (markup * 3)
    assert page.run("return document.querySelectorAll('main b, .log img, .rows img').length") == 0
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

    wait_until_blocking(
        lambda: readers() == 1,
        lambda: f"the page was counted {readers()} times, and was {page.text('state')!r}",
    )
    browser.get(f"{everything}/healthz")
    wait_until_blocking(lambda: readers() == 0, "the page that was left kept its connection")
    publish(everything, project, type="note", text="meanwhile")
    browser.back()
    page.wait_until_live()
    wait_until_blocking(lambda: readers() == 1, "the page did not connect again")
    publish(everything, project, type="note", text="afterwards")
    page.wait_for_all()


def test_an_address_that_names_nothing_shows_the_list_and_the_form(
    browser: Chrome, everything: str
) -> None:
    for name in ("%zz", "demo", "jobs/", "jobs/a b", "a/../b//"):
        browser.get(f"{everything}/?{name}#{name}")
        shown = "return getComputedStyle(document.getElementById(arguments[0])).display"
        assert browser.execute_script(shown, "opened") == "none", name
        assert browser.execute_script(shown, "new") != "none", name


def test_one_who_comes_late_sees_where_the_job_is_and_what_was_before(
    browser: Chrome, everything: str, project: str
) -> None:
    """Its state at once; what is kept from before comes below what came since, each once."""
    job = f"{project}-late"
    for n in range(3):
        publish_job(everything, project, job, type="progress", task_name="render", progress=n / 4)
    page = LivePage(browser, everything, project, address=f"{{url}}/#jobs/{job}")
    wait_until_blocking(lambda: page.job("percent") == "50 %", "the snapshot was not shown")
    assert page.text("opened-title") == "render"
    # Its project is known from its events, which are loaded beside the state.
    wait_until_blocking(
        lambda: page.text("opened-topic") == f"jobs/{job} · of project {project}",
        f"it was {page.text('opened-topic')!r}",
    )
    publish_job(everything, project, job, type="progress", task_name="render", progress=0.75)
    page.wait_for_all()
    assert page.text("earlier-said") == "3 earlier events: all that is kept"
    assert page.count("received") == 1


def test_earlier_events_come_as_one_scrolls(browser: Chrome, everything: str, project: str) -> None:
    job = f"{project}-many"
    with httpx.Client(base_url=everything) as client:
        for n in range(450):
            body = {"topic": f"jobs/{job}", "type": "note", "n": n}
            client.post("/api/v1/events", json=body).raise_for_status()
    page = LivePage(browser, everything, project, address=f"{{url}}/#jobs/{job}")
    wait_until_blocking(lambda: page.text("earlier-said").startswith("450 "), "nothing was loaded")
    count = "return document.querySelectorAll('#log li').length"
    assert 200 <= page.run(count) < 450
    end = "const box = document.getElementById('log-box'); box.scrollTop = box.scrollHeight"

    def scrolled() -> bool:
        page.run(end)
        return bool(page.run(count) == 450)

    wait_until_blocking(scrolled, "the rest did not come")
    assert [event_id for event_id, _ in page.events("earlier")] == page.published()


def test_the_parts_of_a_job_are_shown_with_it_and_opened_from_it(
    browser: Chrome, everything: str, project: str
) -> None:
    film, scene = f"{project}-film", f"{project}-scene"
    publish_job(everything, project, film, type="status", status="started", task_name="film")
    for n in (1, 2):
        part = {"type": "progress", "parent_id": film, "task_name": f"scene {n}"}
        publish_job(everything, project, f"{scene}{n}", progress=n / 4, **part)
    page = LivePage(browser, everything, project, address=f"{{url}}/#jobs/{film}")
    names = (
        "return [...document.querySelectorAll('#part-rows .name')].map((one) => one.textContent)"
    )
    wait_until_blocking(lambda: page.run(names) == ["scene 2", "scene 1"], "no parts were shown")
    page.run("document.querySelector('#part-rows a').click()")
    wait_until_blocking(lambda: page.text("opened-title") == "scene 2", "it was not opened")
    assert page.run("return location.hash") == f"#jobs/{scene}2"


@pytest.mark.parametrize(
    ("result", "link", "text"),
    [
        ("https://a.example/b.csv", "https://a.example/b.csv", ""),
        ("javascript:alert(1)", "", "javascript:alert(1)"),
        ({"rows": 5}, "", '{\n  "rows": 5\n}'),
    ],
    ids=str,
)
def test_any_result_is_shown_and_only_http_is_a_link(  # noqa: PLR0917 - the columns of a table
    page: LivePage, everything: str, project: str, result: object, link: str, text: str
) -> None:
    publish(everything, project, type="completed", task_name="t", result=result)
    page.open(f"projects/{project}:t")
    wait_until_blocking(lambda: page.job("status") == "completed", "the job never showed up")
    assert page.job("output") == text
    assert page.job("result") == ("Open the result" if link else "")
    assert page.run("return document.querySelector('.job [data-part=result]').href") == link


def test_a_failure_is_shown_with_its_details_and_no_button_where_it_cannot_be_run_again(
    page: LivePage, everything: str, project: str
) -> None:
    job = f"{project}-failed"
    publish_job(
        everything, project, job, type="error", task_name="t", error="no disk", details={"code": 28}
    )
    page.open(f"jobs/{job}")
    page.wait_for_job("failed")
    # They are of the event, which may come a moment after the state that has the error.
    wait_until_blocking(
        lambda: page.job("details") == '{\n  "code": 28\n}',
        f"the details were {page.job('details')!r}",
    )
    assert page.job("error") == "no disk"
    assert page.job("retry") == ""


def test_how_fast_a_job_goes_and_how_long_it_may_take_is_shown(
    page: LivePage, everything: str, project: str
) -> None:
    metadata = {"speed": 2.5, "eta": 75}
    publish(everything, project, type="progress", task_name="t", progress=0.5, metadata=metadata)
    page.open(f"projects/{project}:t")
    wait_until_blocking(
        lambda: page.job("pace") == "2.5× · about 1:15 left",  # noqa: RUF001 - it is a times sign
        "the pace was not shown",
    )


def test_the_same_stream_elsewhere_is_right_for_this_server(
    page: LivePage, everything: str, project: str
) -> None:
    def code(kind: str) -> str:
        page.choose("elsewhere", kind)
        return str(page.run("return document.getElementById('code').textContent"))

    topic = f"projects/{project}"
    assert code("curl").endswith(f"{everything}/api/v1/{topic}/stream")
    assert code("tail").startswith(f"streamer tail {topic} --url {everything} ")
    assert f'from "{everything}/client/client.js"' in code("browser")
    assert f'subscribe("{topic}"' in code("browser")
    assert f'streamer.follow("{everything}", "{topic}"' in code("python")
    assert f'<ProgressBar projectId="{project}" backendUrl="{everything}" />' in code("react")


@pytest.mark.parametrize("width", [1280, 360])
def test_the_type_of_an_event_stands_on_one_line(
    page: LivePage, everything: str, project: str, width: int
) -> None:
    """As the longest of a job does, in a wide window and in a narrow one."""
    page.resize(width)
    publish(everything, project, type="completed", task_name="t")
    publish(everything, project, type="progress", task_name="t", progress=0.5)
    wait_until_blocking(lambda: page.count("received") == 2, "the events did not come")
    page.run("document.getElementById('log').scrollIntoView()")
    heights = page.run(
        "return ['completed', 'progress'].map((type) => document.querySelector("
        "`#log [data-type=${type}] .type`).firstChild).map((text) => { const range = "
        "document.createRange(); range.selectNode(text); "
        "return range.getClientRects().length; })"
    )
    assert heights == [1, 1]
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")
    page.resize(1280)
