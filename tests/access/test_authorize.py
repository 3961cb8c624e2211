"""A function of the application says who is asking."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pytest

from streamer.access.authorize import ask
from streamer.access.grants import Grants
from streamer.access.patterns import Patterns
from streamer.errors import AuthUnavailable, Forbidden, Unauthorized
from support.seconds_clock import SecondsClock

Said = Mapping[str, object] | Grants | None


async def answer(said: Said | Exception, connection: object = None) -> Grants:
    async def authorize(given: object) -> Said:
        assert given is connection
        if isinstance(said, Exception):
            raise said
        return said

    return await ask(authorize, connection, clock=SecondsClock())


async def test_claims_and_grants_say_the_same() -> None:
    grants = Grants("7", subscribe=Patterns(["chats/**"]), issued=SecondsClock().now)
    claims = {"sub": "7", "streamer": {"subscribe": ["chats/**"]}}
    assert await answer(Grants("7", subscribe=grants.subscribe), object()) == grants
    assert await answer(claims) == grants
    old = msgspec.structs.replace(grants, issued=1.0)
    assert await answer(old) is old
    assert await answer({**claims, "iat": 1}) == old


async def test_none_is_somebody_unknown() -> None:
    with pytest.raises(Unauthorized, match="does not know"):
        await answer(None)


async def test_it_may_refuse_by_itself_and_its_faults_are_its_own() -> None:
    for error in (Forbidden("not you"), Unauthorized("log in"), ZeroDivisionError()):
        with pytest.raises(type(error)):
            await answer(error)


async def test_what_are_no_claims_says_nothing(caplog: pytest.LogCaptureFixture) -> None:
    """Nobody is let in by mistake, and whoever wrote it finds out why."""
    for wrong in ({}, {"sub": 7}, {"sub": "7", "is_admin": "yes"}, {"sub": "7", "exp": "x"}):
        with pytest.raises(AuthUnavailable):
            await answer(wrong)
    assert "is_admin must be true or false" in caplog.text
