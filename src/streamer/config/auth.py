"""What the settings of access may hold, and which of them go together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from .redacted import HIDDEN
from .server_url import InvalidServerURL, check_server_url
from .web_names import read_address, read_origin

#: Bytes of a secret, at least: as many as the hash of HS256 has (RFC 7518 section 3.2).
MIN_SECRET_BYTES: Final = 32
#: How a PEM begins (RFC 7468 section 2), and whose key it is.
_PEM: Final = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----")
#: A path is shown if it is plainly one: anything else may be a secret in the wrong variable.
_PLAIN_PATH: Final = re.compile(r"[\w./~-]+\.(?:pem|pub|key|crt)")
#: RFC 9110 section 5.1, and RFC 6265 section 4.1.1 for the name of a cookie.
TOKEN: Final = r"\A[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}\Z"  # noqa: S105 - a word's characters
#: Headers that the request to the application has of its own.
_OWN_HEADERS: Final = frozenset(
    {
        *("connection", "content-length", "host", "keep-alive", "proxy-connection", "te"),
        *("trailer", "transfer-encoding", "upgrade", "x-original-method", "x-original-uri"),
    }
)


class InvalidAuth(ValueError):
    """A value that proves nobody's identity; ``problem`` says why, without any part of it."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem: Final = problem


def check_secret(text: str) -> None:
    """Return if `text` can sign tokens by HS256; raise `InvalidAuth` if not."""
    if len(text.encode()) < MIN_SECRET_BYTES:
        raise InvalidAuth("a shorter one can be guessed from a single token")
    if text != text.strip():
        raise InvalidAuth("it begins or ends with a space or a line break, as of a file")
    if _PEM.match(text):
        raise InvalidAuth("it is a key in PEM form: that is STREAMER_AUTH_PUBLIC_KEY")


def check_public_key(text: str) -> None:
    """Return if `text` may be a public key in PEM form, or the path to a file of one.

    What is in it is read when the server starts.

    Raises:
        InvalidAuth: it is a private key, or no such thing at all.
    """
    if not text.strip() or "\0" in text or "://" in text:
        raise InvalidAuth("it is neither a PEM nor a path")
    labels = _PEM.findall(text)
    if any("PRIVATE" in label for label in labels):
        # It would verify as well, and whoever reads the variable could make tokens.
        raise InvalidAuth("it is a private key, which belongs to the issuer alone")
    if len(labels) > 1:
        raise InvalidAuth("it has several keys; for several, use STREAMER_AUTH_JWKS_URL")


def is_pem(text: str) -> bool:
    """Whether `text` is a PEM, and not the path to one."""
    return _PEM.search(text) is not None


def check_jwks_url(text: str) -> None:
    """Return if `text` is the URL of a key set that nobody on the way can replace.

    Raises:
        InvalidAuth: it is malformed, or plain HTTP to another machine.
    """
    check_auth_url(text)
    if text.lower().startswith("http://") and not _is_loopback(text):
        raise InvalidAuth("without TLS, whoever is on the way makes the keys")


def check_auth_url(text: str) -> None:
    """Return if `text` is an HTTP URL without a password; raise `InvalidAuth` if not."""
    if not text.isascii() or not text.isprintable() or set(text) & set(' "<>\\^`{|}#'):
        raise InvalidAuth("it has a character that a URL has not, or a '#'")
    if "@" in text:
        raise InvalidAuth("it has an '@', as of a password; there is none in such a URL")
    try:
        check_server_url(text.partition("?")[0])
    except InvalidServerURL as error:
        raise InvalidAuth(error.problem) from None


def check_issuer(text: str) -> None:
    """Return if `text` may be an ``iss`` (RFC 7519 section 4.1.1): a URL, or a name."""
    if not text.isprintable() or not text.strip() or "@" in text:
        raise InvalidAuth("it is neither a URL nor a name")
    if "://" in text:
        check_auth_url(text)


def check_header_names(listed: Iterable[str]) -> None:
    """Return if each is the name of a header that may be forwarded; else raise `InvalidAuth`."""
    for name in listed:
        if re.match(TOKEN, name) is None:
            raise InvalidAuth("one of them is not the name of a header")
        if name.lower() in _OWN_HEADERS:
            raise InvalidAuth(f"{name} is of the connection itself, or set by Streamer")


def shown_secret(text: str) -> str:
    """Nothing of a secret."""
    return HIDDEN if text else ""


def shown_public_key(text: str) -> str:
    """A path as it is; nothing of a PEM, which may be the private one by mistake."""
    return text if not text or _PLAIN_PATH.fullmatch(text) else HIDDEN


def shown_url(text: str) -> str:
    """A URL without its query, where some keep a key of their own."""
    try:
        check_auth_url(text)
    except InvalidAuth:
        return HIDDEN if text else ""
    place, question, _ = text.partition("?")
    return f"{place}{question}{HIDDEN if question else ''}"


def shown_issuer(text: str) -> str:
    """A name as it is, a URL as `shown_url` shows it."""
    return shown_url(text) if "://" in text or "@" in text else text


def check_together(given: Mapping[str, object]) -> str | None:
    """What is wrong with `given`, the settings of access by their names; None if nothing is.

    Two ways of asking who somebody is would be a door with two locks of which the weaker
    one counts.
    """
    ways = [f"STREAMER_{name.upper()}" for name in WAYS if given[name]]
    checks = [f"STREAMER_{name.upper()}" for name in _CHECKS if given[name]]
    if given["auth"] and (ways or checks):
        return f"STREAMER_AUTH=none lets everybody in, and {_and(ways + checks)} would not"
    if len(ways) > 1:
        return f"{_and(ways)} are set together; it must be one of them"
    if checks and ways in ([], ["STREAMER_AUTH_URL"]):
        return (
            f"{_and(checks)} would be checked in tokens, and nothing says whose tokens are "
            "good: set STREAMER_AUTH_SECRET, STREAMER_AUTH_PUBLIC_KEY or STREAMER_AUTH_JWKS_URL"
        )
    return None


#: The settings that say how it is known who is asking: one of them at most.
WAYS: Final = ("auth_secret", "auth_public_key", "auth_jwks_url", "auth_url")
_CHECKS: Final = ("auth_issuer", "auth_audience")
#: What `check_together` is given.
ACCESS: Final = ("auth", *WAYS, *_CHECKS)


def _and(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))


def _is_loopback(url: str) -> bool:
    scheme, _, rest = url.partition("://")
    origin = read_origin(f"{scheme}://{re.split('[/?]', rest, maxsplit=1)[0]}")
    address = None if origin is None else read_address(origin.name)
    return origin is not None and (
        origin.name == "localhost" or (address is not None and address.is_loopback)
    )
