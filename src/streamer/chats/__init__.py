"""Conversations: what is said in them, by whom, and who is there.

Layout:

- `speaker`: who somebody is in a conversation.
- `said`: what somebody may say: messages, reactions, that they are typing.
- `last_message`: the last of the messages that a client of another protocol posts, which it says.
- `chat_event`: what the events of a conversation say, as its readers get them.
- `attendance`: those who are there over the connections of this process, and those whose
  process is gone.
- `typing`: that somebody is typing: said while they are, and that they no longer are, whoever
  is gone.
- `answers`: answers as the log has them: what one has said, and which is the last.
- `answer_story`: one answer, as one reader is told of it: from its beginning to its end.
- `answer_reading`: one answer as one reader is told of it, in bits, wherever they come in.
- `listing`: what was said, the newest first, in bounded pages.
"""

__all__ = [
    "answer_reading",
    "answer_story",
    "answers",
    "attendance",
    "chat_event",
    "last_message",
    "listing",
    "said",
    "speaker",
    "typing",
]
