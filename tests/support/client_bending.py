"""Bends each rule of a stream under other people's clients, all at once, and sees who breaks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack

from .bent_server import LAST, TEXT, BentServer
from .client_matrix import Client
from .client_rules import ENDINGS, RULES, Ending, Rule
from .client_runner import Followed, wait_for_all

#: Lets a client follow a URL.
Follow = Callable[[Client, str], Followed]


def check_rules(clients: Iterable[Client], follow: Follow) -> None:
    """Bend each rule for each of `clients`, all at once; they break as RULES says."""
    with ExitStack() as stack:
        stories: dict[tuple[Rule, Client], Followed] = {}
        for rule in RULES:
            server = stack.enter_context(BentServer(rule.bent))
            for client in clients:
                stories[rule, client] = follow(client, server.url(client.title))
        wait_for_all(
            [
                told
                for (rule, client), told in stories.items()
                if not (rule.silent and client.title in rule.breaks)
            ],
            is_decided,
            "did not come to an end",
        )
        for rule in RULES:
            told = [stories[rule, client] for client in clients]
            expected = {client.title for client in clients} & rule.breaks
            notes = f"{rule.name}:\n" + "\n".join(map(str, told))
            assert {one.name for one in told if is_broken(one)} == expected, notes


def check_endings(clients: Iterable[Client], follow: Follow) -> None:
    """Let each of `clients` meet each ending when it comes back; it is final as ENDINGS says."""
    coming = [one for one in clients if one.after_cut == "resumes"]
    with ExitStack() as stack:
        stories: dict[tuple[Ending, Client], Followed] = {}
        for ending in ENDINGS:
            server = stack.enter_context(BentServer(ending.script))
            for client in coming:
                stories[ending, client] = follow(client, server.url(client.title))
        wait_for_all(
            list(stories.values()),
            lambda told: bool(told.ended()) or LAST in told.numbers(),
            "neither ended nor came again",
        )
        for ending in ENDINGS:
            told = [stories[ending, client] for client in coming]
            expected = {client.title for client in coming} & ending.final
            notes = f"{ending.name}:\n" + "\n".join(map(str, told))
            assert {one.name for one in told if one.ended()} == expected, notes


def is_broken(followed: Followed) -> bool:
    """Whether a client lost, doubled or invented an event, or misread its text."""
    texts = {body["text"] for body in followed.bodies() if body["n"] != 2}
    whole = followed.numbers() == list(range(1, LAST + 1)) and not followed.phantoms()
    return not whole or texts != {TEXT}


def is_decided(followed: Followed) -> bool:
    """Whether no more needs to come to know."""
    numbers = followed.numbers()
    return LAST in numbers or len(numbers) > len(set(numbers)) or bool(followed.phantoms())
