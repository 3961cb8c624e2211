"""What a browser loads: the page at ``/``, its modules and the client, and files that jobs made."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from litestar import HttpMethod, Request, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.status_codes import HTTP_304_NOT_MODIFIED
from litestar.types import ASGIApp
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from ..config.settings import Settings
from ..errors import Forbidden, InvalidTopic, LogUnavailable, NotFound, ResultRemoved
from ..events.topic import JOBS, job_topic
from .asker import OPEN, asker_of
from .may import may_read, may_see
from .page_headers import NOTHING_POLICY, SHOWN_HEADERS, UNSHARED
from .refusals import note_denial

_WEB: Final = Path(__file__).resolve().parent.parent / "web"
_READ: Final = (HttpMethod.GET, HttpMethod.HEAD)

#: The system's own table may say text/plain for a module, and with `nosniff` a
#: browser then refuses to run it.
_PAGE_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",
}
#: What a browser shows and never runs. Anything else that a job made is a download.
_SHOWN_TYPES: Final = {
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".m4a": "audio/mp4",
    ".m4v": "video/mp4",
    ".mov": "video/quicktime",
    ".mp3": "audio/mpeg",
    ".mp4": "video/mp4",
    ".ogg": "audio/ogg",
    ".png": "image/png",
    ".wav": "audio/wav",
    ".webm": "video/webm",
    ".webp": "image/webp",
}

_PAGE_HEADERS: Final = {
    **SHOWN_HEADERS,
    **UNSHARED,
    # Scripts, styles and connections of our own origin, and nothing else: text
    # that found its way into the page as markup could not run or call home, and no
    # code of ours can make a script of a text by mistake. A file that was chosen is
    # played from where it lies: that is a `blob:`.
    # A script of a name is `push.js`'s worker alone, which is a file of ours.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "media-src 'self' blob:; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types streamer-push"
    ),
    # Ask each time, by ETag: a module from before an upgrade must not meet one from after it.
    "Cache-Control": "no-cache",
}
_OUTPUT_HEADERS: Final = {
    **SHOWN_HEADERS,
    # A job's output is what some user's source made of it: were it a page after all,
    # it would be of no origin, and could neither run a script nor send a form.
    "Content-Security-Policy": f"sandbox; {NOTHING_POLICY}",
    # No page of another site shows it as its own, with its visitor's cookie.
    "Cross-Origin-Resource-Policy": "same-site",
    "Cache-Control": "no-cache",
}
#: A picture or a video is opened in a page that the browser makes for it, which asks for it
#: once more, as a page of its origin, and has a style of its own. No script runs there either.
_SHOWN_POLICY: Final = (
    "sandbox allow-same-origin; default-src 'none'; img-src 'self'; media-src 'self'; "
    "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@route("/", http_method=_READ, opt=OPEN, include_in_schema=False)
async def index(request: Request[Any, Any, Any]) -> ASGIApp:
    """Answer the live page."""
    return await _page_file("index.html", request)


@route("/web/{path:path}", http_method=_READ, opt=OPEN, include_in_schema=False)
async def web(path: FromPath[Path], request: Request[Any, Any, Any]) -> ASGIApp:
    """Answer a module or style sheet of the live page."""
    return await _page_file(path.as_posix().lstrip("/"), request)


@route("/client/{path:path}", http_method=_READ, opt=OPEN, include_in_schema=False)
async def client(path: FromPath[Path], request: Request[Any, Any, Any]) -> ASGIApp:
    """Answer a module of the JavaScript client, to pages of other origins too."""
    response = await _file(_WEB / "client", path.as_posix().lstrip("/"), request)
    _as_page(response, path.name)
    # It is public, and needs nobody's cookie: a page elsewhere may import it.
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response  # type: ignore[return-value]


@route("/files/{name:str}", http_method=_READ, include_in_schema=False)
async def output(
    name: FromPath[str], request: Request[Any, Any, Any], settings: NamedDependency[Settings]
) -> ASGIApp:
    """Answer a file that a job made, in ranges where asked (RFC 9110 section 14).

    Raises:
        NotFound: there is none, or whoever asks may not read the job.
        ResultRemoved: the job made it, and it is not kept any more.
    """
    asker, stem = asker_of(request), Path(name).stem
    try:
        # What is named after no job may be read by whoever may read all of them.
        if not may_see(asker, JOBS + stem):
            await may_read(asker, (job_topic(stem),), request.app.state.log)
    except (Forbidden, InvalidTopic) as error:
        note_denial(request.scope, error)
        raise _no_file(name) from None
    try:
        response = await _file(settings.output_dir, name, request)
    except NotFound as error:
        if await _was_made(name, stem, request):
            raise ResultRemoved(
                f"{name[:80]!r} is not kept any more: results are removed at their age, and the "
                "oldest make room; run the job again to have it"
            ) from error
        raise
    response.headers.update(_OUTPUT_HEADERS)
    shown = _SHOWN_TYPES.get(Path(name).suffix.lower())
    if response.status_code != HTTP_304_NOT_MODIFIED:
        response.headers["Content-Type"] = shown or "application/octet-stream"
    if shown is not None:
        response.headers["Content-Security-Policy"] = _SHOWN_POLICY
    else:
        response.headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    return response  # type: ignore[return-value]


async def _was_made(name: str, job_id: str, request: Request[Any, Any, Any]) -> bool:
    """Whether the job has reported that file as its result, as far as it is remembered."""
    try:
        topic = job_topic(job_id)
        snapshot = (await request.app.state.log.snapshots([topic]))[topic]
    except (InvalidTopic, LogUnavailable):
        return False
    result = snapshot.result
    return isinstance(result, dict) and f"/files/{name}" in (
        result.get("url"),
        result.get("poster"),
    )


async def _page_file(name: str, request: Request[Any, Any, Any]) -> ASGIApp:
    response = await _file(_WEB, name, request)
    _as_page(response, name)
    return response  # type: ignore[return-value]


def _as_page(response: Response, name: str) -> None:
    response.headers.update(_PAGE_HEADERS)
    content_type = _PAGE_TYPES.get(Path(name).suffix)
    if content_type is not None and response.status_code != HTTP_304_NOT_MODIFIED:
        response.headers["Content-Type"] = content_type


async def _file(directory: Path, name: str, request: Request[Any, Any, Any]) -> Response:
    """Answer `name` under `directory`, or 304 where the reader has it.

    Raises:
        NotFound: there is no such file, or it lies outside the directory, be it
            by ``..``, by an absolute path or by a link.
    """
    files = StaticFiles(directory=directory, check_dir=False)
    try:
        return await files.get_response(name, request.scope)  # type: ignore[arg-type]
    except (HTTPException, OSError) as error:
        raise _no_file(name) from error


def _no_file(name: str) -> NotFound:
    return NotFound(f"there is no file {name[:80]!r} here")


#: What `app` mounts.
PAGE_HANDLERS: Final = (index, web, client, output)
