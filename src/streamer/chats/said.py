"""What somebody may say in a conversation: messages, reactions, that they are typing."""

from __future__ import annotations

import unicodedata
from typing import Annotated, Any, Final, TypeVar

import msgspec
from msgspec import Meta

from ..events.cursor import Cursor
from ..events.json_body import read_json
from .speaker import Speaker

#: Types of the events of a conversation.
MESSAGE: Final = "message"
REACTION: Final = "reaction"
TYPING: Final = "typing"

#: Characters of a message: some eight pages. Whatever is longer is an attachment.
MAX_MESSAGE: Final = 16_000
#: Files of one message.
MAX_ATTACHMENTS: Final = 10
#: Characters of an address of a file; what a browser takes everywhere.
MAX_URL: Final = 2048
#: Characters of a file's name, and of its type.
MAX_NAME: Final = 255
#: Characters of a reaction. An emoji is one to a reader, and up to ten here: two people who
#: kiss, each with a skin.
MAX_REACTION: Final = 16

#: What an attachment's address may begin with. Any other, such as ``javascript:``, could be a
#: program that runs as whoever opens it.
_ADDRESSES: Final = ("https://", "http://", "/")
#: Unicode's categories of what is no character that stands for itself: controls, halves of
#: characters, private and unassigned ones, and all that is space.
_NOT_SHOWN: Final = frozenset({"Cc", "Cs", "Co", "Cn", "Zs", "Zl", "Zp"})

_Id = Annotated[str, Meta(max_length=40)]


class Attachment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A file that is somewhere else.

    Attributes:
        url: ``https://…``, ``http://…``, or a path on this server.
        content_type: its media type, as in ``image/png``.
        size: in bytes.
    """

    url: Annotated[str, Meta(min_length=1, max_length=MAX_URL)]
    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME)]
    content_type: Annotated[str, Meta(max_length=MAX_NAME)] | None = None
    size: Annotated[int, Meta(ge=0, le=2**53 - 1)] | None = None

    def __post_init__(self) -> None:
        """Refuse an address that is none of a file."""
        is_path = self.url.startswith("/") and not self.url.startswith(("//", "/\\"))
        # A browser leaves out tabs and line ends before it looks: "/\t/elsewhere".
        is_plain = self.url.isprintable() and " " not in self.url
        if not is_plain or not (is_path or self.url.startswith(_ADDRESSES[:2])):
            raise ValueError("url must begin with https://, http:// or one /, and have no spaces")


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody says, with files, and in answer to what.

    Attributes:
        message: the text; it may be empty if there are attachments.
        reply_to: the id of the message that this one answers.
    """

    message: Annotated[str, Meta(max_length=MAX_MESSAGE)] = ""
    attachments: Annotated[tuple[Attachment, ...], Meta(max_length=MAX_ATTACHMENTS)] = ()
    reply_to: _Id | None = None

    def __post_init__(self) -> None:
        """Refuse what says nothing."""
        if not self.message.strip() and not self.attachments:
            raise ValueError("message must say something, or have attachments")
        if self.reply_to is not None:
            Cursor.parse(self.reply_to)

    def fields(self, speaker: Speaker) -> dict[str, Any]:
        """The event's fields."""
        said: dict[str, Any] = {"message": self.message, "is_user": True, **speaker.fields()}
        if self.attachments:
            said["attachments"] = msgspec.to_builtins(self.attachments)
        if self.reply_to is not None:
            said["reply_to"] = self.reply_to
        return said


class Reaction(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What somebody thinks of a message, in a character or a few.

    Attributes:
        message_id: the message's id.
        added: false takes it back.
    """

    message_id: _Id
    reaction: Annotated[str, Meta(min_length=1, max_length=MAX_REACTION)]
    added: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be seen."""
        Cursor.parse(self.message_id)
        if any(unicodedata.category(c) in _NOT_SHOWN for c in self.reaction):
            raise ValueError("reaction must be of characters that can be seen, without spaces")

    def fields(self, speaker: Speaker) -> dict[str, Any]:
        """The event's fields."""
        return {**msgspec.structs.asdict(self), **speaker.fields()}


class Typing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether somebody is typing just now."""

    is_typing: bool = True

    def fields(self, speaker: Speaker) -> dict[str, Any]:
        """The event's fields."""
        return {**speaker.fields(), "is_typing": self.is_typing}


Said = TypeVar("Said", Message, Reaction, Typing)

_EXAMPLES: Final = {
    Message: '{"message":"hello"}',
    Reaction: '{"message_id":"1738483210123-0","reaction":"👍"}',
    Typing: '{"is_typing":true}',
}


def read_said(body: bytes, kind: type[Said]) -> Said:
    """What `body` says.

    Raises:
        InvalidJSON: it is no JSON.
        InvalidFields: it is not what is said there; the text names the field.
        InvalidCursor: what should be the id of a message is none.
    """
    return read_json(body, kind, _EXAMPLES[kind])
