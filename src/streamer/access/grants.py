"""What somebody may do, once it is known who they are."""

from __future__ import annotations

from typing import Final

import msgspec

from ..events.topic import EVERYBODY, USERS
from .patterns import ONE, REST, Patterns

#: Nothing.
NOTHING: Final = Patterns(())
#: Every topic.
EVERY_TOPIC: Final = Patterns((REST,))


class Grants(msgspec.Struct, frozen=True, gc=False):
    """What one token, or one answer of the application, allows.

    Attributes:
        subject: who it is; empty where everybody may do everything.
        is_admin: reads every topic, and closes what others hold.
        subscribe: the topics that may be read, beside the subject's own ``users/{sub}``, and
            ``system``, which is everybody's.
        publish: those that may be published to.
        expires: when it ends, in seconds since 1970; None is never.
        issued: when it was issued, in seconds since 1970, if that is known.
        token_id: the token's ``jti``; empty if it has none.
        parent_id: the ``jti`` of the token that this one was made from by
            ``POST /api/v1/tokens``, with which it is revoked; empty if that has none,
            None if it was made from no other. ``issued`` is then the other's, and
            ``users/{sub}`` may be read only if it is named.
        name: what others are shown; empty if nothing says it.
    """

    subject: str
    is_admin: bool = False
    subscribe: Patterns = NOTHING
    publish: Patterns = NOTHING
    expires: float | None = None
    issued: float | None = None
    token_id: str = ""
    parent_id: str | None = None
    name: str = ""

    def may_read(self, topic: str) -> bool:
        """Whether `topic`, or all topics of a pattern, may be read."""
        return self.is_admin or self.subscribe.cover(topic) or self._is_own(topic)

    def may_publish(self, topic: str) -> bool:
        """Whether `topic`, or all topics of a pattern, may be published to."""
        return self.publish.cover(topic)

    def as_of(self, now: float) -> Grants:
        """These; issued `now`, if nothing says when, for they were just said.

        Who revokes a subject means what was granted until then. What the application says
        of it later is its own word, and would else be revoked for as long as that is kept.
        """
        return self if self.issued is not None else msgspec.structs.replace(self, issued=now)

    def _is_own(self, topic: str) -> bool:
        # A subject may be any text: "*", or one with a slash, owns nothing.
        own = bool(self.subject) and "/" not in self.subject and ONE not in self.subject
        names = (USERS + self.subject, EVERYBODY)
        return own and self.parent_id is None and topic in names


#: What everybody may where nobody is asked who they are.
EVERYTHING: Final = Grants("", is_admin=True, subscribe=EVERY_TOPIC, publish=EVERY_TOPIC)
