"""As whom somebody speaks in a conversation, which is never somebody else."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from ..access.claims import MAX_SHOWN_NAME, shown_name
from ..access.grants import EVERYTHING
from ..chats.said import MESSAGE, REACTION, TYPING
from ..chats.speaker import Speaker
from ..errors import Forbidden, InvalidParameter
from ..eventlog.reader_cursors import MAX_SUBJECT
from ..events.topic import CHATS
from .asker import Asker, Connection, asker_of

#: Who it is where nobody is asked who they are, and nobody says.
_ANYBODY: Final = "anybody"
#: What only whoever says it can have said.
_OWN: Final = frozenset({MESSAGE, REACTION, TYPING})
#: Types of what a machine answers, of which all begin so.
_ANSWERS: Final = "ai_"


def speaker_of(connection: Connection) -> Speaker:
    """Who it is: the subject of the token, called as its claim ``name`` says.

    Where nobody is asked who they are, it is who ``?user_id=`` says, called as ``?username=``
    does; of these one is enough.

    Raises:
        Forbidden: the token says nobody, or it is not theirs to say.
        InvalidParameter: what they say is no name.
    """
    asker, query = asker_of(connection), connection.query_params
    user, name = query.get("user_id"), query.get("username")
    if asker.grants is not EVERYTHING:
        own = _own(asker)
        if user not in {None, own.user} or name not in {None, own.user, own.username}:
            raise Forbidden("you speak as yourself alone: user_id and username are your token's")
        return own
    for parameter, given in (("user_id", user), ("username", name)):
        if given is not None and (not shown_name(given) or len(given) > MAX_SUBJECT):
            raise InvalidParameter(
                f"{parameter} must be a name: 1 to {MAX_SUBJECT} characters that can be seen"
            )
    called = shown_name(name or user or _ANYBODY)
    return Speaker(user or called, called)


def speak_as_oneself(
    asker: Asker, topics: Iterable[str], event_type: str, fields: dict[str, Any]
) -> None:
    """See to it that what is published to a conversation says who says it.

    `fields` have them then. A machine's answers are published by admins alone, or past the
    HTTP API: else anybody could say anything in its name.

    Raises:
        Forbidden: it is in the name of somebody else.
    """
    if asker.grants is EVERYTHING or not any(topic.startswith(CHATS) for topic in topics):
        return
    if event_type.startswith(_ANSWERS) and not asker.grants.is_admin:
        raise Forbidden(f"only an admin may publish {event_type} to a conversation")
    if event_type not in _OWN:
        return
    for name, own in _own(asker).fields().items():
        if fields.setdefault(name, own) != own:
            raise Forbidden(f"you speak as yourself alone: {name} is {own!r}, or left out")
    if event_type == MESSAGE and fields.setdefault("is_user", True) is not True:
        raise Forbidden("you speak as yourself alone: is_user is true, or left out")


def _own(asker: Asker) -> Speaker:
    grants = asker.grants
    if not grants.subject:
        raise Forbidden("a token without a sub says nothing in a conversation")
    return Speaker(grants.subject, grants.name or grants.subject[:MAX_SHOWN_NAME])
