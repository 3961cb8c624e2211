"""The reference of the HTTP API as one page: no script, and nothing of another server."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from html import escape
from pathlib import Path
from typing import Any, Final, cast

from litestar import Request, Router
from litestar.datastructures import ResponseHeader
from litestar.enums import MediaType
from litestar.openapi.plugins import OpenAPIRenderPlugin

from .asker import OPEN
from .jobs import kinds_on_offer, offered_kinds
from .page_headers import SHOWN_HEADERS, UNSHARED
from .routes import Routes
from .schema_documents import with_bodies
from .written import Written

_Schema = Mapping[str, Any]

_STYLE: Final = (Path(__file__).resolve().parent.parent / "web" / "schema.css").read_text("utf-8")
#: The page's one style stands in it: it may be read at any address, with a slash or without.
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_POLICY: Final = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
_METHODS: Final = ("get", "head", "post", "put", "patch", "delete")


def schema_router() -> Router:
    """What ``/schema`` is served by; its answers may load nothing."""
    values = {**SHOWN_HEADERS, **UNSHARED, "Content-Security-Policy": _POLICY}
    headers = [ResponseHeader(name=name, value=value) for name, value in values.items()]
    return Routes(
        "/schema",
        route_handlers=[],
        opt=OPEN,
        include_in_schema=False,
        response_headers=headers,
        before_request=_written,  # and nobody is asked who they are
    )


async def _written(request: Request[Any, Any, Any]) -> bytes | None:
    """What the handler of a document would answer, as it was written once; None of what is none."""
    if request.path_params:
        return None
    offered = await kinds_on_offer(request.app)
    write = partial(cast("Callable[..., bytes]", request.route_handler.fn), request)
    documents: Written = request.app.state.documents
    name = request.route_handler, _is_folder(request)
    # What is installed here stays as it is; it is looked up on disk.
    said = {kind.name: (kind.description, kind.schema) for kind in offered.values()}
    text: bytes = await documents.text(said, name, write)
    return text


def _is_folder(request: Request[Any, Any, Any]) -> bool:
    """Whether the address ends with a slash, so that what lies beside it is relative to that."""
    raw = request.scope.get("raw_path") or b""
    return raw.partition(b"?")[0].endswith(b"/")


class ReferencePage(OpenAPIRenderPlugin):
    """The schema for people, at ``/schema``."""

    def __init__(self) -> None:
        super().__init__(path="/", media_type=MediaType.HTML)

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Write the page."""
        here = "" if _is_folder(request) else "schema/"
        schema = with_bodies(openapi_schema, offered_kinds(request.app))
        return "\n".join(_page(schema, here)).encode()


def _page(schema: _Schema, here: str) -> Iterator[str]:
    groups = _by_tag(schema)
    bodies = schema["components"]["schemas"]
    title = escape(f"{schema['info']['title']} {schema['info']['version']}")
    yield (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}: reference</title>\n<style>{_STYLE}</style>\n</head>\n<body>"
    )
    yield (
        f'<header class="top"><h1>{title}</h1><p>Every address of the HTTP API, and every body of '
        f'its streams. For programs: <a href="{here}openapi.json">openapi.json</a> (OpenAPI 3.1), '
        f'<a href="{here}asyncapi.json">asyncapi.json</a> (AsyncAPI 3, the streams), '
        f'<a href="{here}events.json">events.json</a> (JSON Schema of all events). '
        f'<a href="{"../" if not here else "./"}">The live page</a></p></header>'
    )
    yield '<div class="columns"><nav aria-label="Contents">'
    for tag, operations in groups.items():
        named = Counter(operation["summary"] for _, _, operation in operations)
        links = [
            (
                _id(method, path),
                operation["summary"],
                # Those of the same title are told apart by their address.
                f"{method.upper()} {path}" if named[operation["summary"]] > 1 else "",
            )
            for path, method, operation in operations
        ]
        yield _links(tag, links)
    yield _links("bodies", [(f"body-{name}", name, "") for name in bodies])
    yield "</nav><main>"
    for tag, operations in groups.items():
        yield f"<h2>{escape(tag)}</h2>"
        for path, method, operation in operations:
            yield from _operation(path, method, operation)
    yield "<h2>bodies</h2>"
    for name, body in bodies.items():
        yield from _body(name, body)
    yield "</main></div>\n</body>\n</html>"


def _by_tag(schema: _Schema) -> dict[str, list[tuple[str, str, _Schema]]]:
    groups: dict[str, list[tuple[str, str, _Schema]]] = {}
    for path, item in schema["paths"].items():
        for method in _METHODS:
            if (operation := item.get(method)) is not None:
                tag = next(iter(operation.get("tags") or ()), "other")
                groups.setdefault(tag, []).append((path, method, operation))
    return groups


def _operation(path: str, method: str, operation: _Schema) -> Iterator[str]:
    yield (
        f'<section id="{_id(method, path)}"><h3>{escape(operation["summary"])}</h3>'
        f'<div class="address"><span class="method {method}">{method.upper()}</span>'
        f"<code>{escape(path)}</code></div>{_text(operation.get('description'))}"
    )
    if parameters := operation.get("parameters"):
        rows = [
            (
                parameter["name"],
                _type(parameter.get("schema", {}))
                + (" in the path" if parameter["in"] == "path" else "")
                + (" header" if parameter["in"] == "header" else ""),
                bool(parameter.get("required")),
                parameter.get("description") or "",
            )
            for parameter in parameters
        ]
        yield _table("Parameters", rows)
    for media_type, content in (operation.get("requestBody") or {}).get("content", {}).items():
        title, body = f"Body, {media_type}", content["schema"]
        if "$ref" in body:
            yield f"<h4>{escape(title)}</h4><p>{_type(body)}</p>"
        else:
            yield _fields(title, body)
    answers = [
        (status, _media(answer), False, answer.get("description") or "")
        for status, answer in operation["responses"].items()
    ]
    yield _table("Answers", answers)
    yield "</section>"


def _body(name: str, body: _Schema) -> Iterator[str]:
    yield (
        f'<section id="body-{escape(name)}"><h3><code>{escape(name)}</code></h3>'
        f"{_text(body.get('description'))}"
    )
    if "oneOf" in body:
        yield f"<p>One of {', '.join(_type(each) for each in body['oneOf'])}, by its "
        yield f"<code>{escape(body['discriminator']['propertyName'])}</code>.</p>"
    else:
        yield _fields("Fields", body)
    yield "</section>"


def _fields(title: str, schema: _Schema) -> str:
    required = schema.get("required") or ()
    rows = [
        (name, _type(field), name in required, field.get("description") or "")
        for name, field in (schema.get("properties") or {}).items()
    ]
    return _table(title, rows) if rows else _text(schema.get("description"))


def _table(title: str, rows: Iterable[tuple[str, str, bool, str]]) -> str:
    """`rows` are a name, its type as HTML, whether it is required, and what it is."""
    lines = "".join(
        f'<tr><th scope="row"><code>{escape(name)}</code></th>'
        f"<td>{kind}{' <small>required</small>' if required else ''}</td>"
        f"<td>{_inline(description)}</td></tr>"
        for name, kind, required, description in rows
    )
    return f'<h4>{escape(title)}</h4><div class="wide"><table>{lines}</table></div>'


def _type(schema: _Schema) -> str:
    """A schema in a few words, as HTML."""
    if ref := schema.get("$ref"):
        name = escape(ref.rpartition("/")[2])
        return f'<a href="#body-{name}">{name}</a>'
    if "const" in schema:
        return f"<code>{escape(json.dumps(schema['const']))}</code>"
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        return " or ".join(_type(choice) for choice in choices)
    if values := schema.get("enum"):
        return " or ".join(f"<code>{escape(json.dumps(value))}</code>" for value in values)
    kinds = schema.get("type", "any JSON")
    words = escape(kinds if isinstance(kinds, str) else " or ".join(kinds))
    if "items" in schema:
        words += f" of {_type(schema['items'])}"
    low, high = schema.get("minimum"), schema.get("maximum")
    if low is not None and high is not None:
        words += f", {low} to {high}"
    if "default" in schema and schema["default"] is not None:
        words += f", default <code>{escape(json.dumps(schema['default']))}</code>"
    return words


def _media(answer: _Schema) -> str:
    return ", ".join(
        f"<code>{escape(kind)}</code>"
        + (f" of {_type(content['schema'])}" if "$ref" in content.get("schema", {}) else "")
        for kind, content in (answer.get("content") or {}).items()
    )


def _links(title: str, links: Iterable[tuple[str, str, str]]) -> str:
    """`links` are a section's name, its title, and its address where that must be said."""
    items = "".join(
        f'<li><a href="#{name}">{escape(words)}'
        f"{f' <code>{escape(address)}</code>' if address else ''}</a></li>"
        for name, words, address in links
    )
    return f"<h2>{escape(title)}</h2><ul>{items}</ul>"


def _text(description: str | None) -> str:
    """Paragraphs, with what stands in backquotes as code."""
    paragraphs = (description or "").split("\n\n")
    return "".join(f"<p>{_inline(part)}</p>" for part in paragraphs if part.strip())


def _inline(text: str) -> str:
    parts = escape(text.replace("``", "`")).split("`")
    return "".join(f"<code>{part}</code>" if n % 2 else part for n, part in enumerate(parts))


def _id(method: str, path: str) -> str:
    return escape(method + path.replace("/", "-").replace("{", "").replace("}", ""))
