"""What older clients speak: their wire forms, and the addresses where they are spoken.

A dialect is a door: it may import what it needs, and nothing of ours imports it, another
dialect included. It is one file (or folder) with a wire form (`wire.form.Form`) and route
handlers; they pass the door (`api.asker`) like every other, and attach to the hub with
their form. The name ``ROUTES`` of each one here is found by `doors`, and served beside the
rest; those of a dialect elsewhere are given to ``create_app(..., routes=...)``.

Layout:

- `notifications/`: what a platform's notifications spoke: a WebSocket for users, and one for
  admins.
- `chat/`: what a chat with an AI speaks: one WebSocket for each conversation.
- `ai_sdk/`: what the AI SDK speaks: its UI message stream, as ``useChat`` reads it.
- `ag_ui/`: what AG-UI speaks: the events of a run, over a conversation.
- `openai/`: what clients of OpenAI's API speak: a proxy whose streams can be resumed.
- `editor/`: what a video editor's page speaks: one WebSocket for many videos, and a trim.
"""

__all__ = ["ag_ui", "ai_sdk", "chat", "editor", "notifications", "openai"]
