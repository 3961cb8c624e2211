"""What a platform's notifications spoke: two WebSockets, one for users and one for admins.

Layout:

- `documentation`: what OpenAPI says of the two streams: their topics are given.
- `forms`: an event and a control event as its clients read them.
- `statistics`: how many users and admins are connected, over all processes.
- `streams`: who reads what, and what a client may say.
"""

from .streams import ROUTES

__all__ = ["ROUTES", "documentation", "forms", "statistics", "streams"]
