"""`StreamerPlugin`: Streamer in a Litestar app, with its lifespan, users, guards and OpenAPI."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import pytest
from litestar import Litestar, get, post
from litestar.connection import ASGIConnection
from litestar.di import NamedDependency, Provide
from litestar.exceptions import NotAuthorizedException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import AbstractAuthenticationMiddleware, AuthenticationResult
from litestar.testing import TestClient

import streamer
from streamer import MemoryEventLog, StreamerPlugin

Connection = ASGIConnection[Any, Any, Any, Any]


@post("/say")
async def say(publisher: NamedDependency[streamer.Publisher]) -> str:
    return str(await publisher.publish("projects/p", "said"))


class ByName(AbstractAuthenticationMiddleware):
    async def authenticate_request(self, connection: Connection) -> AuthenticationResult:
        return AuthenticationResult(user=connection.headers.get("x-name"), auth=None)


async def who(connection: Connection) -> Mapping[str, object] | None:
    name = connection.user
    return {"sub": name, "streamer": {"subscribe": ["projects/p"]}} if name else None


def only_on_tuesdays(connection: Connection, _handler: BaseRouteHandler) -> None:
    if "x-tuesday" not in connection.headers:
        raise NotAuthorizedException("come back on Tuesday")


EVENTS = "/live/api/v1/projects/p/events"


def test_a_handler_is_given_the_publisher_and_its_events_are_read_beneath_the_prefix() -> None:
    with TestClient(Litestar([say], plugins=[StreamerPlugin(log=MemoryEventLog())])) as client:
        id_ = client.post("/say").text
        assert [event["id"] for event in client.get(f"{EVENTS}?after=0-0").json()["events"]] == [
            id_
        ]


def test_it_begins_before_the_lifespan_of_the_app_and_ends_after_it() -> None:
    plugin = StreamerPlugin(log=MemoryEventLog())
    seen = []

    @contextlib.asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        seen.append(await plugin.app.publisher.publish("projects/p", "began"))
        yield
        seen.append(await plugin.app.publisher.publish("projects/p", "ends"))

    with TestClient(Litestar(plugins=[plugin], lifespan=[lifespan])) as client:
        types = [event["type"] for event in client.get(f"{EVENTS}?after=0-0").json()["events"]]
        assert types == ["began"]
    assert all(seen)
    assert len(seen) == 2


def test_the_users_of_the_apps_middleware_read_what_authorize_says() -> None:
    plugin = StreamerPlugin(log=MemoryEventLog(), authorize=who)
    with TestClient(Litestar(plugins=[plugin], middleware=[ByName])) as client:
        assert client.get(EVENTS).status_code == 401
        ada = {"x-name": "ada"}
        assert client.get(EVENTS, headers=ada).status_code == 200
        assert client.get(EVENTS.replace("/p/", "/q/"), headers=ada).status_code == 403


@pytest.mark.parametrize("whose", ["app", "plugin"])
def test_guards_are_asked_before_anybody_comes_in(whose: str) -> None:
    log, guards = MemoryEventLog(), [only_on_tuesdays]
    app = (
        Litestar(plugins=[StreamerPlugin(log=log)], guards=guards)
        if whose == "app"
        else Litestar(plugins=[StreamerPlugin(log=log, guards=guards)])
    )
    with TestClient(app) as client:
        assert client.get(EVENTS).json()["detail"] == "come back on Tuesday"
        assert client.get(EVENTS, headers={"x-tuesday": "1"}).status_code == 200


def test_the_openapi_of_the_app_has_ours_under_the_prefix_and_names_of_its_own() -> None:
    @get("/own")
    async def own() -> dict[str, int]:
        return {}

    def document(authorize: streamer.Authorize | None = None) -> dict[str, Any]:
        plugin = StreamerPlugin(log=MemoryEventLog(), authorize=authorize)
        app = Litestar([own], plugins=[plugin])
        with TestClient(app) as client:
            answer: dict[str, Any] = client.get("/schema/openapi.json").json()
            return answer

    plain = document()
    stream = plain["paths"]["/live/api/v1/projects/{project_id}/stream"]["get"]
    assert "/own" in plain["paths"]
    assert stream["operationId"].startswith("Streamer")
    assert stream["security"]
    references = set(references_in(plain))
    assert references
    for reference in references:
        place: Any = plain
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
    assert (
        "security"
        not in document(authorize=who)["paths"]["/live/api/v1/projects/{project_id}/stream"]["get"]
    )


def references_in(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for inner in value.values():
            yield from references_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references_in(inner)


def test_a_dependency_of_the_same_name_is_refused_with_the_way_out() -> None:
    with pytest.raises(ValueError, match=r'name ours: StreamerPlugin\(dependency="…"\)'):
        Litestar(
            plugins=[StreamerPlugin(log=MemoryEventLog())],
            dependencies={"publisher": Provide(lambda: 1, sync_to_thread=False)},
        )
