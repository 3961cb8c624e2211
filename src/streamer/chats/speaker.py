"""Who somebody is in a conversation."""

from __future__ import annotations

import msgspec


class Speaker(msgspec.Struct, frozen=True):
    """Somebody, as the others see them.

    Attributes:
        user: who it is: the subject of their token.
        username: what they are called.
    """

    user: str
    username: str

    def fields(self) -> dict[str, str]:
        """What every event of theirs says."""
        return {"user": self.user, "username": self.username}
