"""What a browser loads: the page at ``/``, its modules, and the files that jobs made."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from litestar import HttpMethod, Request, route
from litestar.di import NamedDependency
from litestar.params import FromPath
from litestar.status_codes import HTTP_304_NOT_MODIFIED
from litestar.types import ASGIApp
from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from ..errors import NotFound
from ..settings import Settings

_WEB: Final = Path(__file__).resolve().parent.parent / "web"
_READ: Final = (HttpMethod.GET, HttpMethod.HEAD)

#: The system's own table may say text/plain for a module, and with `nosniff` a
#: browser then refuses to run it.
_CONTENT_TYPES: Final = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mp4": "video/mp4",
    ".svg": "image/svg+xml",
    ".webm": "video/webm",
}

_HEADERS: Final = {
    # Scripts, styles and connections of our own origin, and nothing else: text
    # that found its way into the page as markup could not run or call home.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "media-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    # Ask each time, by ETag: a module from before an upgrade must not meet one from after it.
    "Cache-Control": "no-cache",
}


@route("/", http_method=_READ, include_in_schema=False)
async def index(request: Request[Any, Any, Any]) -> ASGIApp:
    """Answer the live page."""
    return await _file(_WEB, "index.html", request)


@route("/web/{path:path}", http_method=_READ, include_in_schema=False)
async def web(path: FromPath[Path], request: Request[Any, Any, Any]) -> ASGIApp:
    """Answer a module or style sheet of the live page, or of the JavaScript client."""
    return await _file(_WEB, path.as_posix().lstrip("/"), request)


@route("/files/{name:str}", http_method=_READ, include_in_schema=False)
async def output(
    name: FromPath[str], request: Request[Any, Any, Any], settings: NamedDependency[Settings]
) -> ASGIApp:
    """Answer a file that a job made, in ranges where asked (RFC 9110 section 14)."""
    return await _file(settings.output_dir, name, request)


async def _file(directory: Path, name: str, request: Request[Any, Any, Any]) -> ASGIApp:
    """Answer `name` under `directory`, or 304 where the reader has it.

    Raises:
        NotFound: there is no such file, or it lies outside the directory, be it
            by ``..``, by an absolute path or by a link.
    """
    files = StaticFiles(directory=directory, check_dir=False)
    try:
        response = await files.get_response(name, request.scope)  # type: ignore[arg-type]
    except (HTTPException, OSError) as error:
        raise NotFound(f"there is no file {name[:80]!r} here") from error
    response.headers.update(_HEADERS)
    content_type = _CONTENT_TYPES.get(Path(name).suffix)
    if content_type is not None and response.status_code != HTTP_304_NOT_MODIFIED:
        response.headers["Content-Type"] = content_type
    return response  # type: ignore[return-value]


#: What `app` mounts.
PAGE_HANDLERS: Final = (index, web, output)
