"""One kind of job: the answer to a message of a conversation.

Layout:

- `chat_answer`: the job that says an answer, from whoever is asked.
- `asking`: asks for answers, once for each message, and stops them.
- `history`: what was said before, as a model is told it.
- `completions`: an OpenAI-compatible server, and what it streams.
- `builtin`: a small responder that says that it is one.
"""

__all__ = ["asking", "builtin", "chat_answer", "completions", "history"]
