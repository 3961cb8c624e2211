"""Errors: each has its row in the one table."""

from __future__ import annotations

from collections.abc import Iterator
from http import HTTPStatus

import pytest

from streamer import errors
from streamer.errors import OUTCOMES, StreamerError


def tree(kind: type[StreamerError]) -> Iterator[type[StreamerError]]:
    """`kind` and all that derive from it, as far as errors.py has them."""
    yield kind
    for child in kind.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child)


KINDS = list(tree(StreamerError))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_has_a_code_and_an_outcome_of_its_own(kind: type[StreamerError]) -> None:
    """A status that exists, a close code that a server may send, a title."""
    error = kind("what was wrong")
    outcome = error.outcome
    assert outcome is OUTCOMES[kind.code]
    assert str(error) == error.detail == "what was wrong"
    assert HTTPStatus(outcome.status) >= HTTPStatus.BAD_REQUEST
    # RFC 6455 section 7.4.2: 1000-2999 are the protocol's, 4000-4999 ours.
    assert outcome.close_code in {1008, 1009, 1011, 1012, 1013, 4408}
    assert outcome.title


def test_codes_and_rows_are_one_to_one() -> None:
    """No row that nothing uses, no two errors that one code cannot tell apart."""
    assert sorted(kind.code for kind in KINDS) == sorted(OUTCOMES)


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Who reads it there need not read on."""
    assert errors.__doc__ is not None
    missing = [kind.__name__ for kind in KINDS if kind.__name__ not in errors.__doc__]
    assert missing == []


@pytest.mark.parametrize("kind", [errors.LogUnavailable, errors.AuthUnavailable, errors.Draining])
def test_what_is_worth_retrying_says_when(kind: type[StreamerError]) -> None:
    """In seconds; settable."""
    assert kind("away").retry_after == 1.0
    assert kind("away", retry_after=7.0).retry_after == 7.0
    assert kind("away").outcome.retry
