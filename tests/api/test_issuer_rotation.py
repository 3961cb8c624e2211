"""A real issuer's keys are rotated under live streams, and then it is taken away."""

from __future__ import annotations

import time

import httpx
import pytest

from support.issuer import TokenIssuer
from support.live import StartLive
from support.readers import sse, websocket


def token(issuer: TokenIssuer, **claims: object) -> str:
    """For an hour, of all projects; by the issuer's newest key."""
    allowed = {"subscribe": ["projects/*"], "publish": ["projects/*"]}
    return issuer.token(**{"sub": "7", "exp": time.time() + 3600, "streamer": allowed, **claims})


@pytest.mark.parametrize("path", ["fast", "portable"])
async def test_streams_live_on_while_keys_come_and_go(
    start_live: StartLive, issuer: TokenIssuer, project: str, path: str
) -> None:
    live = start_live(path, STREAMER_AUTH_JWKS_URL=issuer.url, SSL_CERT_FILE=str(issuer.ca_file))
    stream = f"/api/v1/projects/{project}/stream"
    first = token(issuer)
    bearer = {"Authorization": f"Bearer {first}"}
    async with (
        httpx.AsyncClient(base_url=live.url) as client,
        sse(live.url, stream, bearer) as events,
        websocket(live.ws_url, f"{stream}?token={first}") as socket,
    ):
        await events.has("connected", "caught_up")
        await socket.has("connected", "caught_up")

        async def published(token_: str) -> int:
            """Publish by that token; if it is taken, both old streams have the event."""
            client.headers["Authorization"] = f"Bearer {token_}"
            answer = await client.post(f"/api/v1/projects/{project}/events", json={"type": "note"})
            if answer.status_code == httpx.codes.CREATED:
                ids.append(answer.json()["id"])
                await events.has_ids(ids)
                await socket.has_ids(ids)
            return answer.status_code

        ids: list[str] = []
        assert await published(first) == 201
        assert len(issuer.asked) == 1
        # A new key is found by its name. The old one is gone, and whoever comes with a
        # token of it is not let in; who is there stays, until the token's end.
        issuer.rotate()
        second = token(issuer)
        assert await published(second) == 201
        assert await published(first) == 401
        async with sse(live.url, stream, bearer) as late:
            assert late.status == 401
        async with websocket(live.ws_url, f"{stream}?token={first}") as refused:
            assert await refused.is_closed() == (1008, "Unauthorized")
        assert len(issuer.asked) <= 3
        # Nobody is there any more: its last keys hold.
        issuer.stop()
        third = token(issuer, jti="3")
        assert await published(third) == 201
        bearer = {"Authorization": f"Bearer {third}"}
        async with sse(live.url, stream, bearer) as newcomer:
            await newcomer.has("connected", "caught_up")
            assert await published(second) == 201
            await newcomer.has_ids(ids[-1:])
        # What is not signed by them is refused all the same.
        assert await published(third[:-2]) == 401
        issuer.number = 7
        assert await published(token(issuer)) == 401
    assert live.program is not None
    printed = live.program.out + live.program.err
    for secret in (first, second, third):
        assert secret.rpartition(".")[2] not in printed
