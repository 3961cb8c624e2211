"""What clients of OpenAI's API speak: a recording proxy, whose streams can be resumed.

Layout:

- `routes`: the addresses below ``/api/v1/openai/v1``.
- `answers`: those of the answers of a conversation, as responses.
- `answer_frames`: such an answer as the frames of a response; pure.
- `requests`: what a client asks for, as far as we look at it; pure.
- `playing`: a recording for one client: its frames as they come, or the response itself.
- `frames`: frames as server-sent events, and those that say that a stream is not whole; pure.
- `passing`: a request that is passed on as it is, and its answer passed back.
- `documentation`: what OpenAPI says of them.
- `problems`: errors, in the form that these clients read.
"""

from .answers import ANSWER_ROUTES
from .routes import PROXY_ROUTES

ROUTES = (*PROXY_ROUTES, *ANSWER_ROUTES)

__all__ = [
    "ROUTES",
    "answer_frames",
    "answers",
    "documentation",
    "frames",
    "passing",
    "playing",
    "problems",
    "requests",
    "routes",
]
