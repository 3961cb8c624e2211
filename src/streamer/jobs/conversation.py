"""What was said in a conversation, for whoever answers in it: ``streamer.conversation()``."""

from __future__ import annotations

from ..errors import InvalidParameter
from ..events.cursor import Cursor
from ..events.topic import check_topic
from ..publishing.sync_publisher import SyncPublisher
from .chat_answer.history import as_messages, read_history
from .current import progress

#: Seconds in which it is read.
_READ_SECONDS = 10.0


def conversation(
    topic: str, message_id: str, *, publisher: SyncPublisher | None = None
) -> list[dict[str, str]]:
    """What was said on `topic` up to a message, that included, as a model takes it; may block.

    A list of ``{"role": "user" | "assistant", "content": …}``, in order: the last 40 messages
    and answers, of 24,000 characters. Where several people speak, each begins with a name.
    Empty if the message is kept no longer. Within a job `publisher` is the job's.

    Raises:
        InvalidTopic: `topic` is malformed.
        InvalidCursor: `message_id` is no id of a message.
        InvalidParameter: there is no publisher.
        LogUnavailable: the log is away.
    """
    check_topic(topic)
    last = Cursor.parse(message_id)
    asked = progress().publisher if publisher is None else publisher
    if asked is None:
        raise InvalidParameter(
            "outside of a job a conversation needs a publisher: conversation(…, publisher=…)"
        )
    return as_messages(asked.ask(lambda log: read_history(log, topic, last), _READ_SECONDS))
