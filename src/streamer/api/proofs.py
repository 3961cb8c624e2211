"""What OpenAPI says of where a token is."""

from __future__ import annotations

from typing import Final

from litestar.openapi.spec import Reference, SecurityScheme

from ..access.credentials import URL_TOKEN
from ..config.settings import Settings

#: The places, by their names in the document.
PROOFS: Final[dict[str, SecurityScheme | Reference]] = {
    "header": SecurityScheme(
        type="http",
        scheme="bearer",
        description="A JSON Web Token; over WebSocket also the subprotocols `bearer, <token>`.",
    ),
    "url": SecurityScheme(
        type="apiKey",
        name=URL_TOKEN,
        security_scheme_in="query",
        description="The same token, for an EventSource or a WebSocket of a browser, which "
        "cannot set a header.",
    ),
    "cookie": SecurityScheme(
        type="apiKey",
        name=Settings().auth_cookie,
        security_scheme_in="cookie",
        description="The same token; `STREAMER_AUTH_COOKIE` is its name. Pages of other "
        "origins cannot use it unless `STREAMER_ALLOWED_ORIGINS` lists them.",
    ),
}
#: One of them, or none where the server asks nobody who they are.
ANY_PROOF: Final[list[dict[str, list[str]]]] = [{"header": []}, {"url": []}, {"cookie": []}, {}]
