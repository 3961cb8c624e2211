"""Topics: the names that events are published to and read from."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from ..errors import InvalidTopic

#: Segments of a topic, separated by "/".
MAX_SEGMENTS: Final = 8

_SEGMENT: Final = r"[A-Za-z0-9_.~-]{1,64}"
# `fullmatch` below, never "$": a "$" accepts a trailing newline, which would
# split a line-based frame in two.
_SHAPE: Final = re.compile(f"{_SEGMENT}(?:/{_SEGMENT}){{0,{MAX_SEGMENTS - 1}}}")
_ID: Final = re.compile(_SEGMENT)

#: Characters of bad input that an error shows.
_SHOWN: Final = 80

PROJECTS: Final = "projects/"
JOBS: Final = "jobs/"
USERS: Final = "users/"
CHATS: Final = "chats/"
#: Read by admins.
ADMINS: Final = "admin"
#: Read by everybody who has proved who they are.
EVERYBODY: Final = "system"


def check_topic(text: str) -> str:
    """Return `text` if it is a topic: 1 to 8 segments of ``[A-Za-z0-9_.~-]{1,64}``.

    Raises:
        InvalidTopic: if it is anything else.
    """
    if not isinstance(text, str) or _SHAPE.fullmatch(text) is None:
        raise InvalidTopic(
            f"{_shown(text)} is not a topic; it must be 1 to {MAX_SEGMENTS} segments "
            "joined by '/', each of 1 to 64 of the characters A-Z a-z 0-9 _ . ~ -",
            topic=text if isinstance(text, str) else None,
        )
    return text


def project_topic(project_id: str) -> str:
    """The topic of a project: ``projects/{project_id}``; raises `InvalidTopic`."""
    return PROJECTS + _check_id("project", project_id)


def job_topic(job_id: str) -> str:
    """The topic of a job: ``jobs/{job_id}``; raises `InvalidTopic`."""
    return JOBS + _check_id("job", job_id)


def user_topic(user: str) -> str:
    """The topic of one user: ``users/{user}``; raises `InvalidTopic`."""
    return USERS + _check_id("user", user)


def chat_topic(chat: str) -> str:
    """The topic of a conversation: ``chats/{chat}``; raises `InvalidTopic`."""
    return CHATS + _check_id("chat", chat)


def chat_of(topic: str) -> str | None:
    """The id of the conversation that `topic` names, or None if it is none."""
    return _single_segment_after(CHATS, topic)


def project_of(topic: str) -> str | None:
    """The project id that `topic` names, or None if it is not a project's."""
    return _single_segment_after(PROJECTS, topic)


def project_among(topics: Iterable[str]) -> str | None:
    """The first of `topics` that is a project's, or None."""
    return next((topic for topic in topics if project_of(topic) is not None), None)


def job_of(topic: str) -> str | None:
    """The job id that `topic` names, or None if it is not a job's."""
    return _single_segment_after(JOBS, topic)


def user_of(topic: str) -> str | None:
    """The user that `topic` names, or None if it is not a user's."""
    return _single_segment_after(USERS, topic)


def _single_segment_after(prefix: str, topic: str) -> str | None:
    rest = topic.removeprefix(prefix)
    return rest if rest != topic and "/" not in rest else None


def _check_id(kind: str, text: str) -> str:
    if not isinstance(text, str) or _ID.fullmatch(text) is None:
        raise InvalidTopic(
            f"{_shown(text)} is not a {kind} id; it must be 1 to 64 of the characters "
            "A-Z a-z 0-9 _ . ~ -"
        )
    return text


def _shown(text: str) -> str:
    shown = repr(text)
    return shown if len(shown) <= _SHOWN + 2 else shown[: _SHOWN - 2] + "..." + shown[:1]
