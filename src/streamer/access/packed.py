"""Grants as bytes, for another process of the same log."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from ..errors import InvalidToken, InvalidTopic
from .grants import Grants
from .patterns import Patterns


def _listed(patterns: Any) -> list[str]:  # noqa: ANN401 - the one that msgspec does not know
    return sorted(patterns.allowed)


def _patterns(_kind: type, listed: Any) -> Patterns:  # noqa: ANN401
    return Patterns(listed)


_encoder: Final = msgspec.msgpack.Encoder(enc_hook=_listed)
_decoder: Final = msgspec.msgpack.Decoder(Grants, dec_hook=_patterns)


def packed(grants: Grants) -> bytes:
    """`grants` for `unpacked`."""
    return _encoder.encode(grants)


def unpacked(text: bytes) -> Grants:
    """What was `packed`.

    Raises:
        InvalidToken: it was not, or by a process of another version.
    """
    try:
        return _decoder.decode(text)
    except (msgspec.MsgspecError, InvalidTopic) as error:
        raise InvalidToken("what a process says of a token is not understood") from error
