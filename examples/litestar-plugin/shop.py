"""What somebody pays is on all of their pages at once: a Litestar app with Streamer as a plugin."""

from pathlib import Path

from litestar import Litestar, MediaType, Request, get, post
from litestar.datastructures import Cookie
from litestar.di import NamedDependency
from litestar.response import Redirect

import streamer

PAGE = Path(__file__).with_name("page.html").read_text("utf-8")


async def who(connection):
    user = connection.cookies.get("user")  # a session, in an app that is no example
    return {"sub": user, "streamer": {"subscribe": [f"orders/{user}"]}} if user else None


@get("/login/{user:str}")
async def login(user: str) -> Redirect:
    return Redirect("/", cookies=[Cookie(key="user", value=user, httponly=True)])


@get("/", media_type=MediaType.HTML)
async def page(request: Request) -> str:
    return PAGE.replace("{topic}", f"orders/{request.cookies['user']}")


@post("/pay", status_code=204)
async def pay(
    request: Request, amount: int, publisher: NamedDependency[streamer.Publisher]
) -> None:
    await publisher.publish(f"orders/{request.cookies['user']}", "paid", {"amount": amount})


app = Litestar([login, page, pay], plugins=[streamer.StreamerPlugin(authorize=who)])
