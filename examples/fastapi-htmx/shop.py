"""What somebody pays is on all of their pages at once: FastAPI, and htmx with its SSE extension."""

from pathlib import Path
from typing import Annotated

from fastapi import Cookie, Depends, FastAPI
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles

import streamer

HERE = Path(__file__).parent
PAID: dict[str, list[int]] = {}  # a database, in an app that is no example
User = Annotated[str, Cookie()]  # a session, likewise: anybody could say so


async def who(connection):
    user = connection.cookies.get("user")
    return {"sub": user, "streamer": {"subscribe": [f"orders/{user}"]}} if user else None


live = streamer.create_app(authorize=who)
app = FastAPI(lifespan=lambda _: live.lifespan())
app.mount("/live", live)
app.mount("/static", StaticFiles(directory=HERE / "static", check_dir=False))
Publisher = Annotated[streamer.Publisher, Depends(live.get_publisher)]


@app.get("/login/{user}")
async def login(user: str):
    answer = RedirectResponse("/")
    answer.set_cookie("user", user, httponly=True, samesite="lax")
    return answer


@app.get("/")
async def page(user: User):
    text = (HERE / "page.html").read_text("utf-8")
    return HTMLResponse(text.replace("{topic}", f"orders/{user}"))


@app.get("/orders")
async def orders(user: User):
    return HTMLResponse("".join(f"<li>paid {amount}</li>" for amount in PAID.get(user, [])))


@app.post("/pay", status_code=204)
async def pay(user: User, amount: int, publisher: Publisher):
    PAID.setdefault(user, []).append(amount)
    await publisher.publish(f"orders/{user}", "paid", {"amount": amount})
