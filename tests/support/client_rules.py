"""The rules of a stream, each with a story in which it is bent, and who breaks then.

The second and the third table of docs/CLIENT-MATRIX.md are these lists.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from .bent_server import Answer, Script, body, frame, rest
from .client_matrix import CLIENTS, IN_BROWSERS

#: Those that read server-sent events.
EVENT_STREAM: Final = tuple(one.title for one in IN_BROWSERS + CLIENTS if not one.is_websocket)


class Rule(NamedTuple):
    """One rule of the wire; `breaks` are the clients that lose, double or invent events without.

    With all rules kept, as in the first one, each hands on each event once. If it is `silent`,
    they never hand on anything.
    """

    name: str
    rule: str
    bent: Script
    breaks: frozenset[str] = frozenset()
    silent: bool = False


def _first(first: Answer) -> Script:
    """The first visit is answered with `first`, the others as the server does."""
    return lambda visit, after: first if visit == 1 else rest(after)


def _second(*parts: bytes) -> Script:
    """The second event is written in another way, in as many chunks; nothing is cut."""
    return lambda visit, after: Answer([frame(1), *parts, frame(3), frame(4)])


def _with_text(text: str) -> bytes:
    return frame(2).replace("\u00e9".encode(), text.encode())


RULES: Final = (
    Rule("kept", "all are kept", lambda _, after: rest(after)),
    Rule(
        "id-first",
        "`id:` is the last line of its frame (a cut falls between it and the data)",
        _first(Answer([frame(1)], "cut", torn=b'id: 2-0\ndata: {"type":')),
        breaks=frozenset({"@microsoft/fetch-event-source"}),
    ),
    Rule(
        "id-alone",
        "an id stands in the frame that has the data, not in one of its own",
        _first(Answer([frame(1), b"data: %b\n\nid: 2-0\n\n" % body(2)], "cut")),
        breaks=frozenset(
            {
                "curl -N",
                "httpx-sse",
                "sseclient-py",
                "aiohttp-sse-client",
                "EventSource of Firefox",
                "eventsource",
                "eventsource-client",
                "@microsoft/fetch-event-source",
            }
        ),
    ),
    Rule(
        "id-empty",
        "`id:` is never empty",
        _first(Answer([frame(1), b"data: %b\nid:\n\n" % body(2)], "cut")),
        breaks=frozenset(EVENT_STREAM),
    ),
    Rule(
        "heartbeat",
        "a heartbeat is a comment without an empty line",
        _second(b": ping\n\n", frame(2)),
        breaks=frozenset({"httpx-sse", "@microsoft/fetch-event-source"}),
    ),
    Rule(
        "retry-alone",
        "`retry:` stands in a frame that has data",
        _second(b"retry: 100\n\n", frame(2)),
        breaks=frozenset({"httpx-sse", "@microsoft/fetch-event-source"}),
    ),
    Rule(
        "retry-no-number",
        "`retry:` is digits only",
        _second(b"retry: 1.5s\n" + frame(2)),
        breaks=frozenset({"sseclient"}),
    ),
    Rule(
        "half-end",
        "a stream ends in order only after a whole frame",
        _first(Answer([frame(1), frame(2)[:12]], "end")),
        breaks=frozenset({"sseclient-py", "sseclient", "aiohttp-sse-client"}),
    ),
    Rule(
        "two-chunks",
        "a frame is whole in one chunk of HTTP",
        _second(frame(2)[:12], frame(2)[12:]),
        breaks=frozenset({"sseclient"}),
    ),
    Rule(
        "line-ends",
        "U+2028, U+2029 and U+0085 are escaped",
        _second(_with_text("a\u2028b\u2029c\u0085d")),
        breaks=frozenset({"sseclient"}),
    ),
    Rule(
        "carriage-return",
        "lines end with LF, not CRLF (a chunk ends between the two)",
        _second(*frame(2).replace(b"\n", b"\r\n").partition(b"\r")),
    ),
    Rule(
        "charset",
        "the head says `charset=utf-8`",
        lambda _, after: rest(after)._replace(charset=b""),
        breaks=frozenset({"sseclient"}),
    ),
    Rule(
        "compressed",
        "the body is not compressed",
        lambda _, after: rest(after)._replace(compressed=True),
        breaks=frozenset({"sseclient"}),
        silent=True,
    ),
)


class Ending(NamedTuple):
    """What a client may meet when it comes back; `final` are those that then stay away.

    Only of clients that come back by themselves after a cut.
    """

    name: str
    meets: str
    answer: Answer
    final: frozenset[str] = frozenset()

    @property
    def script(self) -> Script:
        def answer(visit: int, after: int) -> Answer:
            if visit == 1:
                return Answer([frame(1)], "cut")
            return self.answer if visit == 2 else rest(after)

        return answer


_BY_STATUS: Final = frozenset(
    {
        "EventSource of Chromium",
        "EventSource of Firefox",
        "eventsource",
        "requests-sse",
        "undici",
    }
)

ENDINGS: Final = (
    Ending("no-content", "204", Answer(status=204), _BY_STATUS | {"eventsource-client"}),
    Ending(
        "unauthorized",
        "401",
        Answer(status=401),
        _BY_STATUS | {"sseclient", "@microsoft/fetch-event-source"},
    ),
    Ending(
        "unavailable",
        "503",
        Answer(status=503),
        _BY_STATUS | {"sseclient", "@microsoft/fetch-event-source"},
    ),
    Ending(
        "head",
        "a cut in the head of the answer",
        Answer(head=40),
        frozenset({"EventSource of Chromium", "EventSource of Firefox", "requests-sse"}),
    ),
)
