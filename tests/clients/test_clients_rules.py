from __future__ import annotations

from functools import partial

from support.client_bending import check_endings, check_rules
from support.client_matrix import CLIENTS, Client
from support.client_runner import ClientRunner, Followed

READERS = [one for one in CLIENTS if not one.is_websocket]


def follow(runner: ClientRunner, one: Client, url: str, *, once: bool = False) -> Followed:
    return runner.follow(one.adapter, url, label=one.title, once=once)


def test_each_rule_when_it_is_bent_breaks_whom_the_table_names(runner: ClientRunner) -> None:
    """So that each has its reason; with all of them kept, nobody breaks."""
    check_rules(READERS, partial(follow, runner))


def test_what_a_client_meets_when_it_comes_back_is_final_as_the_table_says(
    runner: ClientRunner,
) -> None:
    """Of those that come back by themselves after a cut."""
    check_endings(READERS, partial(follow, runner, once=True))
