"""A setting that is kept in a file: what ``STREAMER_AUTH_SECRET_FILE`` and the like name."""

from __future__ import annotations

import os
import stat
from typing import Final

from .reading import InvalidSetting, Setting

#: Bytes of such a file, at most: that many times more than the longest key or token.
_MOST_BYTES: Final = 64 * 1024


def read_secret_file(setting: Setting, path: str) -> str:
    """Return what the file at `path` has for `setting`, without line breaks at its end.

    Editors and ``echo`` put one there, and no setting has one of its own.

    Raises:
        InvalidSetting: it cannot be read, or has nothing that could be a setting; names the
            variable and the file, and nothing of what is in it.
    """
    if not path.startswith("/"):
        # Not said back: it may be the secret itself, in the wrong variable.
        raise InvalidSetting(
            f"{setting.file_variable} must be the whole path of a file, "
            f"as in /run/secrets/{setting.name}"
        )
    try:
        content = _content(path)
    except OSError as error:
        raise _unusable(setting, path, f"cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise _unusable(setting, path, str(error)) from None
    return content


def _content(path: str) -> str:
    # A pipe would be waited for without end, and could be read only once.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise ValueError("is not a regular file")
        content = file.read(_MOST_BYTES + 1)
    if len(content) > _MOST_BYTES:
        raise ValueError(f"is larger than {_MOST_BYTES} bytes")
    try:
        text = content.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise ValueError("is not text in UTF-8") from None
    if "\0" in text:
        raise ValueError("has a zero byte")
    if not text:
        # As a variable it would count as not set, and nobody would be asked who they are.
        raise ValueError("is empty")
    return text


def _unusable(setting: Setting, path: str, why: str) -> InvalidSetting:
    return InvalidSetting(f"{setting.file_variable} names {path!r}, which {why}")
