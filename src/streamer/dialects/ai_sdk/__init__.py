"""What the AI SDK speaks: its UI message stream, as ``useChat`` reads it, over a conversation.

Layout:

- `body`: what it posts: the messages it has, and which of them is to be answered; pure.
- `chunks`: what is said of an answer, as chunks of a UI message stream; pure.
- `documentation`: what OpenAPI says of the addresses: what is posted, and what is streamed.
- `forms`: the stream's wire forms; pure.
- `routes`: the addresses: post and answer, resume, stop.
"""

from .routes import ROUTES

__all__ = ["ROUTES", "body", "chunks", "documentation", "forms", "routes"]
