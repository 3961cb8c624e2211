"""The tables of docs/CLIENT-MATRIX.md, in Markdown, from what the tests run over."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from pathlib import Path
from typing import Final

from .client_matrix import CLIENTS, IN_BROWSERS, Client
from .client_rules import ENDINGS, EVENT_STREAM, RULES

ALL: Final = IN_BROWSERS + CLIENTS

_ROOT: Final = Path(__file__).parents[2]


def version(client: Client) -> str:
    """The version that the tests are pinned to; of programs it is what the machine has."""
    if client.registry == "npm":
        lock = json.loads((_ROOT / "tools" / "js" / "package-lock.json").read_text())
        return str(lock["packages"][f"node_modules/{client.name}"]["version"])
    if client.registry == "PyPI":
        pinned = "".join((_ROOT / "requirements" / f).read_text() for f in ("run.txt", "dev.txt"))
        found = re.search(rf"^{re.escape(client.name)}==([^\s;]+)", pinned, re.MULTILINE)
        assert found, f"{client.name} is not pinned"
        return found[1]
    return "any"


def clients_table() -> str:
    """What each client does by itself."""
    lines = [
        "| client | from | version | resumes by itself | after a cut | after a clean end |",
        "|---|---|---|---|---|---|",
    ]
    for one in ALL:
        resumes = "yes" if one.resumes else "no"
        cells = (f"`{one.name}`", one.registry, version(one), resumes, one.after_cut, one.after_end)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def advice_list() -> str:
    """What an application does with each to lose nothing."""
    return "\n".join(f"- **`{one.name}`** ({one.registry}): {one.advice}" for one in ALL)


def rules_table() -> str:
    """Who breaks when a rule is bent."""
    lines = ["| rule | who loses, doubles or invents an event without it |", "|---|---|"]
    lines += [f"| {one.rule} | {_names(one.breaks)} |" for one in RULES]
    return "\n".join(lines)


def endings_table() -> str:
    """Who stays away after what."""
    lines = ["| coming back, it meets | and stays away for good | comes again |", "|---|---|---|"]
    by_itself = {
        one.title
        for one in IN_BROWSERS + CLIENTS
        if one.title in EVENT_STREAM and one.after_cut == "resumes"
    }
    lines += [
        f"| {one.meets} | {_names(one.final)} | {_names(by_itself - one.final)} |"
        for one in ENDINGS
    ]
    return "\n".join(lines)


def _names(titles: Collection[str]) -> str:
    if set(titles) == set(EVENT_STREAM):
        return "all of them"
    return ", ".join(f"`{title}`" for title in EVENT_STREAM if title in titles) or "none of these"
