"""The docs as a site: whole, and nothing of it is loaded from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from selenium.webdriver import ActionChains, Chrome

import streamer
from streamer.cli import main
from streamer.errors import OUTCOMES
from support.browser import open_browser
from support.file_server import file_server
from support.waiting import LONG_DEADLINE, wait_until_blocking

ROOT: Final = Path(__file__).parents[2]

#: What a browser loads by itself, by element: the attributes that say from where.
_LOADED: Final = {
    "audio": ("src",),
    "embed": ("src",),
    "iframe": ("src",),
    "image": ("href",),
    "img": ("src", "srcset"),
    "input": ("src",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "use": ("href",),
    "video": ("src", "poster"),
}
#: What a `link` says of a page, without loading anything.
_SAID: Final = {"canonical", "next", "prev", "alternate"}


#: The address of whatever the page has loaded.
_LOADED_HERE: Final = 'return performance.getEntriesByType("resource").map(({ name }) => name)'
#: What the search shows, which has the focus.
_SEARCH: Final = "return document.activeElement.shadowRoot?.textContent"


class Page(HTMLParser):
    """What one page loads, links to, and can be linked to at."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the places that an element names."""
        named = {name: value or "" for name, value in attrs}
        if "id" in named:
            self.ids.add(named["id"])
        if tag == "a" and "href" in named:
            self.links.append(named["href"])
        if tag == "link" and not set(named.get("rel", "").split()) <= _SAID:
            self.loads.append(named["href"])
        self.loads += [named[name] for name in _LOADED.get(tag, ()) if name in named]


def build() -> Path:
    """What `make site` builds, built now: a warning fails it."""
    done = subprocess.run(
        [sys.executable, "tools/site/build.py"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'src'}", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        timeout=LONG_DEADLINE,
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return ROOT / "site"


def test_the_site_is_whole_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    """One test, for it is built once: two workers would build it twice, in one place."""
    site = build()
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    assert len(pages) > 40
    no_page_loads_anything_from_elsewhere(pages)
    no_style_sheet_loads_anything_from_elsewhere(site)
    every_link_leads_somewhere(site, pages)
    the_reference_has_all_that_is_public(site, pages)
    with file_server(site) as url, open_browser(tmp_path / "profile") as browser:
        a_browser_loads_nothing_from_elsewhere(browser, url)
        what_is_looked_for_is_found(browser, url)


def test_every_page_of_the_documents_is_in_the_menu() -> None:
    """One that is in none is found by nobody; examples have a page of their own."""
    menu = (ROOT / "zensical.toml").read_text(encoding="utf-8")
    named = set(re.findall(r'"([\w/-]+\.md)"', menu))
    docs = ROOT / "docs"
    pages = {str(path.relative_to(docs)).lower() for path in docs.rglob("*.md")}
    assert pages - named == set(), "name them in zensical.toml"


def no_page_loads_anything_from_elsewhere(pages: dict[Path, Page]) -> None:
    """Nor does a style sheet of theirs. Links may lead elsewhere, for a person to follow."""
    for path, page in pages.items():
        assert page.loads, path
        outside = [target for target in page.loads if re.match(r"(?:\w+:)?//", target)]
        assert outside == [], path


def a_browser_loads_nothing_from_elsewhere(browser: Chrome, url: str) -> None:
    """Whatever its scripts do; nor does it complain of anything."""
    for page in ("", "api/", "guides/react/"):
        browser.get(f"{url}{page}")
        loaded = browser.execute_script(_LOADED_HERE)
        assert len(loaded) > 4
        assert [name for name in loaded if not name.startswith((url, "data:"))] == []
    assert browser.get_log("browser") == []  # type: ignore[no-untyped-call]


def what_is_looked_for_is_found(browser: Chrome, url: str) -> None:
    """By a search that asks nobody."""
    browser.get(url)
    browser.find_element("css selector", ".md-search").click()
    ActionChains(browser).send_keys("idempotency").perform()
    wait_until_blocking(
        lambda: re.search(r"\b[1-9]\d* results", browser.execute_script(_SEARCH) or ""),
        "the search found nothing",
    )


def no_style_sheet_loads_anything_from_elsewhere(site: Path) -> None:
    sheets = list(site.rglob("*.css"))
    assert sheets
    for sheet in sheets:
        text = sheet.read_text(encoding="utf-8")
        assert not re.findall(r"""(?:url\(|@import)\s*["']?(?:https?:)?//[^)"']*""", text), sheet


def _targets(site: Path, path: Path, page: Page) -> Iterator[tuple[str, Path, str]]:
    """Each link within the site: as it stands there, the file it leads to, and the place in it."""
    for link in page.links:
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        place = unquote(parts.path)
        found = path if not place else (path.parent / place).resolve()
        if place.startswith("/"):
            found = site / place.lstrip("/")
        yield link, found / "index.html" if found.is_dir() else found, unquote(parts.fragment)


def every_link_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    """Those of its menus too, and to a heading that is there."""
    seen = 0
    for path, page in pages.items():
        if path.name == "404.html":
            continue
        for link, target, anchor in _targets(site, path, page):
            assert target.exists(), (path, link)
            assert not anchor or target not in pages or anchor in pages[target].ids, (path, link)
            seen += 1
    assert seen > 1000


def the_reference_has_all_that_is_public(site: Path, pages: dict[Path, Page]) -> None:
    public = [getattr(streamer, name) for name in streamer.__all__]
    ours = [value for value in public if getattr(value, "__module__", "").startswith("streamer.")]
    assert len(ours) > 20
    described = pages[site / "api" / "index.html"].ids
    assert {f"{value.__module__}.{value.__qualname__}" for value in ours} <= described
    commands = pages[site / "cli" / "index.html"].ids
    assert {f"streamer-{name}" for name in main.commands} <= commands
    errors = (site / "reference" / "errors" / "index.html").read_text(encoding="utf-8")
    assert [code for code in OUTCOMES if f"<code>{code}</code>" not in errors] == []
