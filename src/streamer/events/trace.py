"""Which trace an event belongs to, as W3C Trace Context writes it."""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

#: Names of the two fields: of a header, of an event (CloudEvents' extension for distributed
#: tracing has them so), and of a job's message.
PARENT: Final = "traceparent"
STATE: Final = "tracestate"

#: Version, trace id, parent id and flags; ids of zeros alone are none, nor is the version ff
#: (W3C Trace Context, section 3.2.2). A later version may have more behind another dash.
_PARENT: Final = re.compile(
    r"(?!ff)(?P<version>[0-9a-f]{2})-(?P<ids>(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16})"
    r"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
#: One vendor's part of the state: a key, and a value that does not end in a space (3.3.1).
_MEMBER: Final = re.compile(
    r"[a-z0-9][a-z0-9_\-*/@]{0,255}="
    r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
)
#: Characters of a state: what everybody must pass on (3.3.1.5). Each reader is sent them.
MAX_STATE: Final = 512
#: Parts of a state (3.3.1.1).
_MAX_MEMBERS: Final = 32
#: Of the flags, those that the version we speak defines: sampled, and a random trace id.
_KNOWN_FLAGS: Final = 0x03


class Trace(NamedTuple):
    """The place in a trace where an event was published.

    Attributes:
        parent: a ``traceparent``, of version 00.
        state: a ``tracestate``; empty for none.
    """

    parent: str
    state: str = ""

    @property
    def trace_id(self) -> str:
        """The trace: 32 hexadecimal digits."""
        return self.parent[3:35]

    @property
    def span_id(self) -> str:
        """The place in it: 16 hexadecimal digits."""
        return self.parent[36:52]

    @property
    def is_sampled(self) -> bool:
        """Whether whoever began it records it."""
        return bool(int(self.parent[53:55], 16) & 1)

    def to_fields(self) -> dict[str, str]:
        """The fields of an event, a message or a request that say it."""
        fields = {PARENT: self.parent}
        if self.state:
            fields[STATE] = self.state
        return fields


def read_trace(parent: object, state: object = None) -> Trace | None:
    """The trace that two values from anywhere name; None where they name none.

    A ``traceparent`` that is malformed is no error: it is ignored, and its ``tracestate`` too
    (section 4.3). A malformed ``tracestate`` alone leaves the trace as it is.
    """
    if not isinstance(parent, str):
        return None
    found = _PARENT.fullmatch(parent)
    if found is None or (found["version"] == "00" and found["more"]):
        return None
    flags = int(found["flags"], 16)
    if found["version"] != "00":  # said in the version that we know (section 3.2.4)
        flags &= _KNOWN_FLAGS
    return Trace(f"00-{found['ids']}-{flags:02x}", _read_state(state))


def trace_in(fields: Any) -> Trace | None:  # noqa: ANN401 - whatever somebody else wrote
    """The trace that a mapping names under `PARENT` and `STATE`."""
    return read_trace(fields.get(PARENT), fields.get(STATE))


def _read_state(state: object) -> str:
    if not isinstance(state, str) or len(state) > MAX_STATE:
        return ""
    members = [member for part in state.split(",") if (member := part.strip(" \t"))]
    keys = {member.partition("=")[0] for member in members}
    if not 0 < len(members) <= _MAX_MEMBERS or len(keys) < len(members):
        return ""
    if not all(map(_MEMBER.fullmatch, members)):
        return ""
    return ",".join(members)
