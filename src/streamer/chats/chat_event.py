"""What the events of a conversation say, as its readers get them; what OpenAPI says of them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from .said import Attachment

_Text = Annotated[str, Meta(description="Empty where there are attachments alone.")]
_User = Annotated[str, Meta(description="Who it is: the subject of their token.")]
_Username = Annotated[str, Meta(description="What they are called.")]
_Answered = Annotated[str, Meta(description="The id of the message that it answers.")]
_Reacted = Annotated[str, Meta(description="The id of the message.")]
_Added = Annotated[bool, Meta(description="False: it is taken back.")]


class _OfSomebody(msgspec.Struct, tag_field="type", kw_only=True):
    user: _User
    username: _Username


class MessageEvent(_OfSomebody, tag="message"):
    """Somebody says something in a conversation; its id is the message's."""

    message: _Text
    is_user: Literal[True]
    attachments: list[Attachment] | UnsetType = UNSET
    reply_to: _Answered | UnsetType = UNSET


class ReactionEvent(_OfSomebody, tag="reaction"):
    """What somebody thinks of a message; of several by one user the last counts."""

    message_id: _Reacted
    reaction: str
    added: _Added


class TypingEvent(_OfSomebody, tag="typing"):
    """Whether somebody is typing just now; ephemeral."""

    is_typing: bool


class UserJoinEvent(_OfSomebody, tag="user_join"):
    """The first connection of somebody came: they are there."""


class UserLeaveEvent(_OfSomebody, tag="user_leave"):
    """The last connection of somebody is gone: they are no longer there."""


#: Every event that a conversation has beside its answers.
ChatEvent = MessageEvent | ReactionEvent | TypingEvent | UserJoinEvent | UserLeaveEvent
