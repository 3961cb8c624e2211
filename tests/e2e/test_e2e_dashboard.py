"""The list of all jobs in the page, its form for new ones, and who may see what."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.select import Select

from streamer.access.grants import Grants
from streamer.access.issue import Issuer
from streamer.access.patterns import Patterns
from support.live import Live, StartLive
from support.live_page import LivePage
from support.waiting import wait_until_blocking

SECRET = "0123456789abcdef" * 2
#: Plays the chosen file from some second on.
_SEEK = """
const video = document.getElementById("preview-video");
const done = arguments[arguments.length - 1];
const seek = () => {
  video.addEventListener("seeked", () => done(null), { once: true });
  video.currentTime = arguments[0];
};
if (video.readyState >= 1) seek();
else video.addEventListener("loadedmetadata", seek, { once: true });
"""


def report(url: str, project: str, job: str, token: str | None = None, **fields: object) -> None:
    topics = [*([f"projects/{project}"] if project else []), f"jobs/{job}"]
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    body = {"topics": topics, "job_id": job, "task_name": f"work {job}", **fields}
    httpx.post(f"{url}/api/v1/events", json=body, headers=headers).raise_for_status()


@pytest.fixture
def live(start_live: StartLive) -> Live:
    """A server of the test's own: the list is of all that there is."""
    return start_live()


@pytest.fixture
def page(browser: Chrome, live: Live) -> LivePage:
    """With three jobs of two projects, and one of none."""
    report(live.url, "alpha", "a1", type="progress", progress=0.25)
    report(live.url, "beta", "b1", type="status", status="queued")
    report(live.url, "alpha", "a2", type="error", error="no such codec")
    report(live.url, "", "c1", type="progress", progress=0.5)
    page = LivePage(browser, live.url, "alpha", address="{url}/")
    page.wait_for_rows(["work c1", "work a2", "work b1", "work a1"])
    return page


def keys(page: LivePage, *pressed: str) -> None:
    ActionChains(page.browser).send_keys(*pressed).perform()


def focused(page: LivePage) -> str:
    return str(page.run("return document.activeElement.textContent || document.activeElement.id"))


def test_every_job_is_in_the_list_the_newest_first_and_moves(page: LivePage, live: Live) -> None:
    """Also one of a project, and one of none, that nobody had heard of when the page came."""
    parts = ("status", "percent", "project")
    before = ["running | 25 % | alpha", "queued | 0 % | beta", "failed |  | alpha"]
    page.wait_for_rows(["running | 50 % | no project", *before[::-1]], *parts)
    report(live.url, "alpha", "a1", type="progress", progress=0.75)
    report(live.url, "beta", "b1", type="status", status="started", attempt=2)
    moved = ["running · attempt 2 | 0 % | beta", "running | 75 % | alpha"]
    wait_until_blocking(lambda: page.rows(*parts)[2:] == moved, "the rows did not move")
    report(live.url, "gamma", "g1", type="progress", progress=0.1)
    report(live.url, "", "c2", type="progress", progress=0.2)
    page.wait_for_rows(["work c2", "work g1", "work c1", "work a2", "work b1", "work a1"])
    report(live.url, "", "c2", type="completed", result=None)
    wait_until_blocking(
        lambda: page.rows("status")[0] == "completed", "the job of no project did not move"
    )


def test_the_list_is_filtered_and_searched(page: LivePage) -> None:
    page.choose("statuses", "running,retrying,stalled")
    page.wait_for_rows(["work c1", "work a1"])
    page.choose("statuses", "")
    project = page.browser.find_element(By.ID, "project-filter")
    Select(project).select_by_value("alpha")
    page.wait_for_rows(["work a2", "work a1"])
    keys(page, "/", "CODEC alpha")
    page.wait_for_rows(["work a2"])
    keys(page, " nowhere")
    page.wait_for_rows([])
    wait_until_blocking(lambda: page.text("no-jobs") == "No job is like that.", "it was not said")
    keys(page, Keys.ESCAPE)
    page.wait_for_rows(["work a2", "work a1"])


def test_older_jobs_come_as_one_scrolls(browser: Chrome, live: Live) -> None:
    """Those that no stream tells of any more, too."""
    with httpx.Client(base_url=live.url) as client:
        for n in range(150):
            topics = ["projects/many", f"jobs/m{n:03}"]
            body = {"topics": topics, "type": "completed", "job_id": f"m{n:03}", "task_name": "t"}
            client.post("/api/v1/events", json=body).raise_for_status()
    page = LivePage(browser, live.url, "many", address="{url}/")

    def scrolled() -> bool:
        page.run("const all = document.getElementById('all'); all.scrollTop = all.scrollHeight")
        return len(page.rows()) == 150

    wait_until_blocking(scrolled, "not every job came")
    ids = page.run("return [...document.querySelectorAll('#rows a')].map((link) => link.hash)")
    assert ids == [f"#jobs/m{n:03}" for n in reversed(range(150))]


def test_all_of_it_is_done_by_keyboard(page: LivePage, live: Live) -> None:
    """To the list, through it, into a job, back to the same row, and to the search."""
    keys(page, "/", Keys.TAB, Keys.TAB, Keys.TAB)
    assert focused(page).strip().startswith("work c1")
    keys(page, Keys.ARROW_DOWN, Keys.ARROW_DOWN, Keys.END, Keys.ARROW_UP)
    assert focused(page).strip().startswith("work b1")
    # What comes meanwhile takes no focus away.
    report(live.url, "alpha", "a9", type="progress", progress=0.9)
    wait_until_blocking(lambda: page.rows()[0] == "work a9", "it did not come")
    assert focused(page).strip().startswith("work b1")
    keys(page, Keys.ENTER)
    wait_until_blocking(lambda: page.text("opened-title") == "work b1", "it was not opened")
    assert focused(page) == "work b1"
    keys(page, Keys.ESCAPE)
    wait_until_blocking(lambda: focused(page).strip().startswith("work b1"), "not back in the list")
    assert page.run("return location.hash") == ""


def test_who_may_read_one_project_sees_its_jobs_alone(
    browser: Chrome, start_live: StartLive
) -> None:
    live = start_live(STREAMER_AUTH_SECRET=SECRET)

    def token_of(*topics: str) -> str:
        patterns = Patterns(topics)
        return Issuer(SECRET).issue(Grants("7", subscribe=patterns, publish=patterns), 600)

    every = token_of("projects/*", "jobs/*")
    for project in ("mine", "theirs"):
        report(live.url, project, f"of-{project}", every, type="progress", progress=0.5)
    browser.get(live.url)
    page = _Unopened(browser, live.url)
    page.wait_for_state("Token needed")
    browser.find_element(By.ID, "token-text").send_keys(token_of("projects/mine") + "\n")
    page.wait_for_state("Live over ")
    page.wait_for_rows(["work of-mine"])
    page.open("jobs/of-mine")
    wait_until_blocking(lambda: page.job("percent") == "50 %", "it may not be opened")
    report(live.url, "mine", "of-mine", every, type="progress", progress=0.6)
    wait_until_blocking(lambda: page.job("percent") == "60 %", "it does not move")
    page.open("jobs/of-theirs")
    wait_until_blocking(lambda: "you may not read" in page.text("notice"), "it was not refused")
    assert page.rows() == ["work of-mine"]


class _Unopened(LivePage):
    """A page that is there already."""

    def __init__(self, browser: Chrome, url: str) -> None:
        super().__init__(browser, url, "", address="{url}/#")

    def wait_until_live(self) -> None:
        """Not yet: it asks for a token first."""


def test_an_upload_is_trimmed_and_has_a_poster(
    browser: Chrome, everything: str, project: str, clip: Path
) -> None:
    """Everybody who watches the project sees how far it is."""
    page = LivePage(browser, everything, project)
    page.open("new")
    page.fill(project=project)
    browser.find_element(By.ID, "file").send_keys(str(clip))
    wait_until_blocking(lambda: page.text("upload-said") == "Uploaded", "it was not uploaded")
    wait_until_blocking(
        lambda: page.run("return document.getElementById('source').value").startswith("uploads/"),
        "it was not offered as a source",
    )
    watching = httpx.get(f"{everything}/api/v1/projects/{project}/events?limit=100").json()
    assert [event["type"] for event in watching["events"]][-1] == "completed"
    page.choose("kind", "trim")
    page.fill(**{"from": "0.1", "to": "0.8"})
    browser.execute_async_script(_SEEK, 0.25)
    browser.find_element(By.ID, "preview-from").click()
    assert page.run("return document.getElementById('from').value") == "0.25"
    browser.find_element(By.ID, "start").click()
    page.wait_for_job("completed")
    assert page.text("opened-title") == "trim"
    wait_until_blocking(
        lambda: page.run("return document.querySelector('.job video').readyState") >= 1,
        "the result never became playable",
    )
    poster = page.run("return document.querySelector('.job video').poster")
    assert httpx.get(poster).headers["content-type"] == "image/jpeg"


def test_a_file_that_is_no_video_is_refused_in_words(
    browser: Chrome, everything: str, project: str, tmp_path: Path
) -> None:
    page = LivePage(browser, everything, project)
    page.open("new")
    page.fill(project=project)
    file = tmp_path / "notes.mp4"
    file.write_text("no video at all")
    browser.find_element(By.ID, "file").send_keys(str(file))
    wait_until_blocking(lambda: page.text("upload-failure"), "nothing was said")
    assert page.text("upload-said") == "Failed"


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_axe_finds_nothing_in_any_state(page: LivePage, *, width: int, dark: bool) -> None:
    """The list, a job that failed, one that runs, a project, the form, a line that is cut."""
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    page.resize(width)
    found = {}
    for place in ("", "new", "jobs/a1", "jobs/a2", "projects/alpha", "jobs/nobody"):
        page.open(place)
        page.run("return new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")
        found[place] = page.violations()
        assert page.run("return document.documentElement.scrollWidth <= innerWidth"), place
    page.open("projects/alpha")
    page.wait_until_live()
    page.cut()
    page.wait_for_state("Connection cut")
    found["cut"] = page.violations()
    page.wait_until_live()
    page.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    page.resize(1280)
    assert not any(found.values()), found


def test_many_jobs_that_move_are_drawn_once_a_frame(browser: Chrome, live: Live) -> None:
    """However many events come: what is drawn in a second is no more than there are frames."""
    with httpx.Client(base_url=live.url) as client:

        def tell(n: int, progress: float) -> None:
            topics = ["projects/busy", f"jobs/busy{n:02}"]
            body = {"type": "progress", "job_id": f"busy{n:02}", "task_name": f"t{n}"}
            client.post(
                "/api/v1/events", json={**body, "topics": topics, "progress": progress}
            ).raise_for_status()

        for n in range(50):
            tell(n, 0.0)
        page = LivePage(browser, live.url, "busy", address="{url}/")
        # Two of one millisecond stand by their names.
        page.wait_for_rows([f"t{n}" for n in reversed(range(50))])
        page.run("""
          window.frames_ = window.draws = 0;
          const count = () => { window.frames_ += 1; requestAnimationFrame(count); };
          requestAnimationFrame(count);
          let drawnIn = -1;
          new MutationObserver(() => {
            if (drawnIn !== window.frames_) window.draws += 1;
            drawnIn = window.frames_;
          }).observe(document.getElementById("rows"), {subtree: true, childList: true});
        """)
        for step in range(1, 6):
            for n in range(50):
                tell(n, step / 5)
        page.wait_for_rows(["100 %"] * 50, "percent")
    draws, frames = page.run("return [window.draws, window.frames_]")
    assert 0 < draws <= frames
