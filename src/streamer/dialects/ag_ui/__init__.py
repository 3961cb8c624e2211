"""What AG-UI speaks: the events of a run, over a conversation and its answers.

Layout:

- `body`: what its clients post: a run's input, of which the last message is said; pure.
- `documentation`: what OpenAPI says of the addresses.
- `history`: what was said before, as messages of AG-UI; pure.
- `jobs`: the progress of jobs, as activities; pure.
- `routes`: the addresses: run, and join.
- `run`: a run: what is said of an answer, as events in the order that clients enforce; pure.
"""

from .routes import ROUTES

__all__ = ["ROUTES", "body", "documentation", "history", "jobs", "routes", "run"]
