"""What a chat with an AI spoke: one WebSocket for each conversation.

Layout:

- `forms`: an event of a conversation, and a control event, as its clients read them; pure.
- `frames`: what its clients send; pure.
- `routes`: the WebSocket at ``/ws/chat/{session_id}/``, its twin, and what was said before.
"""

from .routes import ROUTES

__all__ = ["ROUTES", "forms", "frames", "routes"]
