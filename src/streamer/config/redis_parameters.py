"""What may stand after the "?" of a Redis URL: names, values and where each is taken."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

#: Largest database; Redis itself allows as many as its `databases` says, 16 by default.
_MAX_DATABASE: Final = 99_999
#: Less than Redis takes with CLIENT SETNAME: no ";", behind which people put more parameters.
_CLIENT_NAME: Final = re.compile(r"[A-Za-z0-9_.:-]{1,64}")
_DATABASE: Final = re.compile(r"[0-9]{1,5}")


class _Parameter(NamedTuple):
    """One parameter: whether a value is allowed, and which are, in words."""

    good: Callable[[str], bool]
    allowed: str


def _is_file(text: str) -> bool:
    return "\0" not in text and Path(text).is_file()


def _is_directory(text: str) -> bool:
    return "\0" not in text and bool(text) and Path(text).is_dir()


_TEXT: Final = _Parameter(lambda text: "\0" not in text, "text")
_FILE: Final = _Parameter(_is_file, "an existing file")
_PARAMETERS: Final[dict[str, _Parameter]] = {
    "client_name": _Parameter(
        lambda text: _CLIENT_NAME.fullmatch(text) is not None,
        "1 to 64 of the characters A-Z a-z 0-9 _ . : -",
    ),
    "db": _Parameter(
        lambda text: _DATABASE.fullmatch(text) is not None,
        f"a whole number from 0 to {_MAX_DATABASE}",
    ),
    "password": _TEXT,
    "ssl_ca_certs": _FILE,
    "ssl_ca_path": _Parameter(_is_directory, "an existing directory"),
    "ssl_cert_reqs": _Parameter(
        lambda text: text in {"none", "optional", "required"}, "none, optional or required"
    ),
    "ssl_certfile": _FILE,
    # redis-py takes all but a few words for true: a typo must not switch it on.
    "ssl_check_hostname": _Parameter(lambda text: text in {"true", "false"}, "true or false"),
    "ssl_keyfile": _FILE,
    "username": _TEXT,
}
#: Those for the Sentinels themselves, which have users of their own.
_SENTINEL_PARAMETERS: Final = {"sentinel_username": _TEXT, "sentinel_password": _TEXT}
#: Parameters whose values may be shown; whatever else stands there may be a secret.
HARMLESS: Final = frozenset(_PARAMETERS) - {"password", "username"}
#: Names that people give because redis-py takes them; only a known name is said
#: back, for what stands behind a "?" may be the end of a password.
_SAID_BACK: Final = (
    frozenset(_PARAMETERS)
    | frozenset(_SENTINEL_PARAMETERS)
    | {
        *("decode_responses", "encoding", "health_check_interval", "host", "max_connections"),
        *(
            "path",
            "port",
            "protocol",
            "retry_on_error",
            "retry_on_timeout",
            "socket_connect_timeout",
        ),
        *("socket_keepalive", "socket_read_size", "socket_timeout", "ssl", "ssl_ca_data"),
        *("ssl_ciphers", "ssl_min_version", "ssl_password", "timeout"),
    }
)


def check_parameters(query: str, *, sentinel: bool, tls: bool) -> dict[str, str]:
    """Read a query; an error quotes no part of it that may be a secret.

    Raises:
        ValueError: a parameter is unknown, there twice, of no use here, or has a
            value that is not allowed; the text says which, and what is allowed.
    """
    allowed = _PARAMETERS | _SENTINEL_PARAMETERS if sentinel else _PARAMETERS
    if not tls:
        allowed = {name: rule for name, rule in allowed.items() if not name.startswith("ssl_")}
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name not in allowed:
            raise ValueError(_not_taken(name, allowed))
        if name in found:
            raise ValueError(f"it has the parameter {name} twice")
        if not allowed[name].good(value):
            # Without the value: it may be the end of a password, or the one after a ";".
            raise ValueError(f"its parameter {name} must be {allowed[name].allowed}")
        found[name] = value
    if "ssl_keyfile" in found and "ssl_certfile" not in found:
        raise ValueError("its parameter ssl_keyfile needs ssl_certfile, its certificate")
    return found


def is_database(text: str) -> bool:
    """Whether `text` is the number of a database."""
    return _DATABASE.fullmatch(text) is not None


def _not_taken(name: str, allowed: dict[str, _Parameter]) -> str:
    if name in _PARAMETERS:
        return f"it has the parameter {name!r}, which is only for TLS: rediss://"
    which = f"the parameter {name!r}, which is" if name in _SAID_BACK else "a parameter that is"
    return f"it has {which} none of {', '.join(sorted(allowed))}"
