"""The pages of the site: files of the repository, and what is made of the code, in one folder.

A file of docs/ is written where its name leads, in small letters, and files of elsewhere where
`BESIDE` says. Links between them hold as they do in the repository; one that leads to what is
not on the site is an error.
"""

from __future__ import annotations

import posixpath
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import reference

ROOT: Final = Path(__file__).parents[2]
_OWN: Final = Path(__file__).parent

#: Files beside docs/, and where each is on the site.
BESIDE: Final[Mapping[str, str]] = {
    "CHANGELOG.md": "project/changes.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "LICENSE": "project/license.txt",
    "README.md": "index.md",
    "benchmarks/RESULTS.md": "measured.md",
    "deploy/grafana/streamer.json": "files/grafana/streamer.json",
    "deploy/prometheus/alerts.yml": "files/prometheus/alerts.yml",
    "deploy/prometheus/prometheus.yml": "files/prometheus/prometheus.yml",
    "deploy/prometheus/rules.yml": "files/prometheus/rules.yml",
    "deploy/proxies/Caddyfile": "files/Caddyfile",
    "deploy/proxies/haproxy.cfg": "files/haproxy.cfg",
    "deploy/proxies/nginx.conf": "files/nginx.conf",
    "deploy/proxies/traefik/dynamic.yml": "files/traefik/dynamic.yml",
    "deploy/proxies/traefik/traefik.yml": "files/traefik/traefik.yml",
    "openapi/openapi.json": "files/openapi.json",
    "openapi/asyncapi.json": "files/asyncapi.json",
    "openapi/events.schema.json": "files/events.schema.json",
    "src/streamer/web/client/events.d.ts": "files/events.d.ts",
    "src/streamer/web/icon.svg": "assets/icon.svg",
    "tools/site/pages/site.css": "assets/site.css",
    **{
        str(path.relative_to(ROOT)): f"examples/{path.parent.name}.md"
        for path in sorted(ROOT.glob("examples/*/README.md"))
    },
}
#: A page that the site writes anew, and its file.
_INSTEAD: Final[Mapping[str, str]] = {"README.md": "pages/index.md"}

_LINK: Final = re.compile(r"(\]\()([^)\s#]+)((?:#[^)\s]*)?\))")
#: Code is shown as it is, whatever looks like a link in it.
_CODE: Final = re.compile(r"^( *)```.*?^\1```$|`[^`\n]+`", re.MULTILINE | re.DOTALL)


def stage(folder: Path) -> None:
    """Write all that the site is made of into `folder`, in place of what is there.

    Raises:
        ValueError: a link leads to nothing.
    """
    shutil.rmtree(folder, ignore_errors=True)
    site = _Site(folder)
    for source, place in site.places.items():
        path = _OWN / _INSTEAD[source] if source in _INSTEAD else ROOT / source
        if path.suffix == ".md":
            site.write(place, source, _with_code(source, path.read_text(encoding="utf-8")))
        else:
            site.copy(path, place)
    for name, made in reference.PAGES.items():
        site.write(f"reference/{name}.md", f"docs/reference/{name}.md", made())


class _Site:
    """The folder that the pages are gathered in."""

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder
        #: Where each file of the repository is on the site.
        self.places: Final = _places()

    def copy(self, path: Path, place: str) -> None:
        """Put a file there as it is."""
        target = self._folder / place
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)

    def write(self, place: str, source: str, text: str) -> None:
        """Put a page there: `text` of the file `source`, whose links lead on from there."""

        def relinked(found: re.Match[str]) -> str:
            target = found[2]
            if re.match(r"[a-z]+:", target):
                return found[0]
            wanted = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
            to = posixpath.relpath(self._place(wanted, source), posixpath.dirname(place) or ".")
            return f"{found[1]}{to}{found[3]}"

        parts, last = [], 0
        for code in _CODE.finditer(text):
            parts += [_LINK.sub(relinked, text[last : code.start()]), _plain(code[0])]
            last = code.end()
        path = self._folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join([*parts, _LINK.sub(relinked, text[last:])]), encoding="utf-8")

    def _place(self, wanted: str, source: str) -> str:
        """Where what `source` links to is: a page, a folder's first page, or else a file."""
        if wanted in self.places:
            return self.places[wanted]
        name = wanted.removeprefix("docs/reference/").removesuffix(".md")
        if name in reference.PAGES:
            return f"reference/{name}.md"
        within = (place for file, place in self.places.items() if file.startswith(f"{wanted}/"))
        if (first := next(within, None)) is not None:
            return first
        if not (ROOT / wanted).is_file():
            raise ValueError(f"{source} links to {wanted}, which is not there")
        # A name that begins with a dot is left out of the site.
        there = f"files/{wanted.removeprefix('.')}.txt"
        self.copy(ROOT / wanted, there)
        return there


def _places() -> dict[str, str]:
    """Where each file of the repository is on the site."""
    docs = (path for path in sorted((ROOT / "docs").rglob("*")) if path.is_file())
    found = {str(path.relative_to(ROOT)): str(path.relative_to(ROOT / "docs")) for path in docs}
    pages = {source: place.lower() for source, place in found.items() if place.endswith(".md")}
    return {**found, **pages, **BESIDE}


def _with_code(source: str, text: str) -> str:
    """A page with what is made of the code."""
    if source == "docs/API.md":
        return reference.with_docstrings(text)
    if source == "docs/CLI.md":
        return f"{text}\n{reference.commands()}"
    return text


def _plain(code: str) -> str:
    """A block of code without the word by which a test finds it."""
    return re.sub(r"^( *```\w+) [^\n]*", r"\1", code)
