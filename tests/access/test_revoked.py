"""Which tokens a set of revocations is about."""

from __future__ import annotations

import pytest

from streamer.access.grants import EVERYTHING, Grants
from streamer.access.revoked import Revoked
from streamer.eventlog.access import REVOKED_FOR, Revocation

AT = 1_738_483_200.0


def revoked(*revocations: Revocation) -> Revoked:
    found = Revoked()
    found.add(revocations)
    return found


def token(value: str, at: float = AT) -> Revocation:
    return Revocation("jti", value, at)


def subject(value: str, at: float = AT) -> Revocation:
    return Revocation("sub", value, at)


def grants(
    name: str = "ann", jti: str = "", issued: float | None = None, parent: str | None = None
) -> Grants:
    return Grants(name, token_id=jti, issued=issued, parent_id=parent)


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(grants(jti="a"), id="the token of the name"),
        pytest.param(grants("bob", jti="a", issued=AT + 1e6), id="whoever has it, and since when"),
        pytest.param(grants(jti="b", parent="a"), id="what was made from it"),
    ],
)
def test_a_token_is_revoked_by_its_name(of: Grants) -> None:
    assert revoked(token("a")).has(of)


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(grants(issued=AT - 1.0), id="issued before"),
        pytest.param(grants(issued=AT), id="issued in that moment"),
        pytest.param(grants(issued=None), id="issued nobody knows when"),
        pytest.param(grants(issued=AT - 1.0, parent=""), id="made from one that has no name"),
        pytest.param(grants(jti="x", issued=AT - 1.0), id="whatever its name"),
    ],
)
def test_all_tokens_of_a_subject_are_revoked_that_were_issued_until_then(of: Grants) -> None:
    assert revoked(subject("ann")).has(of)


@pytest.mark.parametrize(
    "of",
    [
        pytest.param(grants(jti="b", issued=AT), id="another token of another subject"),
        pytest.param(grants("zoe", issued=AT + 0.5), id="issued after"),
        pytest.param(grants("zoe", jti="zoe", issued=AT + 0.5), id="a token named as a subject"),
        pytest.param(grants("a", issued=AT), id="a subject named as a token"),
        pytest.param(grants(jti="", parent=None), id="one that has no name"),
        pytest.param(grants(jti="", parent=""), id="made from one that has no name"),
        pytest.param(grants("ZOE", issued=AT), id="another case"),
        pytest.param(EVERYTHING, id="nobody"),
    ],
)
def test_no_other_is(of: Grants) -> None:
    assert not revoked(token("a"), subject("zoe")).has(of)
    assert not Revoked().has(of)


def test_of_two_that_differ_in_their_time_the_later_is_kept() -> None:
    found = revoked(subject("ann", AT + 5.0))
    assert not found.add([subject("ann", AT), subject("ann", AT + 5.0)])
    assert found.add([subject("ann", AT + 6.0)])
    assert list(found) == [subject("ann", AT + 6.0)]
    assert len(found) == 1


def test_what_others_have_lost_is_known() -> None:
    found = revoked(token("a"), token("b"), subject("a", AT + 5.0), subject("b"))
    kept = [token("a"), subject("a"), subject("b", AT + 1.0), token("c")]
    assert found.beyond(kept) == [token("b"), subject("a", AT + 5.0)]
    assert found.beyond(list(found)) == []


def test_nothing_is_forgotten_that_a_token_can_still_be_as_old_as() -> None:
    found = revoked(token("a", AT), subject("b", AT + 1.0))
    found.forget(AT + REVOKED_FOR - 1.0)
    assert len(found) == 2
    found.forget(AT + REVOKED_FOR)
    assert list(found) == [subject("b", AT + 1.0)]
