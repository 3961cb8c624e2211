"""What a line of the log says, to people and to programs, and that nobody waits for it."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any, Final

import pytest

from streamer.access.audit import audit
from streamer.events.trace import Trace
from streamer.processes.log_json import JsonLines
from streamer.processes.log_text import TextLines
from streamer.processes.log_writing import MAX_WAITING, LogWriting
from streamer.tracing.doing import DOING, Doing
from support.spans import Spans, place_of
from support.waiting import DEADLINE, wait_until_blocking

TRACE: Final = Trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")


@pytest.fixture
def doing() -> Iterator[Doing]:
    doing = Doing("r-1", "j-1", TRACE)
    token = DOING.set(doing)
    yield doing
    DOING.reset(token)


def record(message: object = "it is so", *arguments: object, **given: Any) -> logging.LogRecord:  # noqa: ANN401
    made = logging.LogRecord(
        "streamer.x", logging.WARNING, __file__, 1, message, arguments, given.get("exc_info")
    )
    made.__dict__.update(given.get("extra", {}))
    return made


def said(made: logging.LogRecord) -> dict[str, Any]:
    line = JsonLines().format(made)
    assert len(line.splitlines()) == 1
    assert line.isascii()
    assert line.isprintable()
    decoded: dict[str, Any] = json.loads(line)
    return decoded


def test_a_line_for_programs_is_an_object() -> None:
    line = said(record("%d of %s", 2, "x"))
    assert line.pop("time").endswith("Z")
    assert line == {"level": "warning", "logger": "streamer.x", "message": "2 of x"}


def test_it_says_of_which_request_job_and_trace_it_is(doing: Doing) -> None:
    line = said(record())
    assert (line["request_id"], line["job_id"]) == ("r-1", "j-1")
    assert f"{line['trace_id']}-{line['span_id']}" == TRACE.parent[3:52]


def test_within_a_span_it_says_which(doing: Doing, spans: Spans) -> None:
    with spans.provider.get_tracer("test").start_as_current_span("mine"):
        line = said(record())
    assert f"{line['trace_id']}-{line['span_id']}" == place_of(spans.named("mine"))


def test_an_exception_is_a_field_of_its_line() -> None:
    with pytest.raises(KeyError) as caught:
        dict[str, str]()["x"]
    line = said(record(exc_info=(caught.type, caught.value, caught.tb)))
    assert line["error"] == "KeyError"
    assert line["exception"].endswith("KeyError: 'x'")
    assert line["message"] == "it is so"


@pytest.mark.parametrize(
    "text",
    ["a\nb", "\r\n{}", "\u2028", "\x1b[2J", "\x7f", "\ud800", "\x00", "é", '"}', "x" * 100_000],
)
def test_whatever_is_in_it_a_line_is_a_line(text: str) -> None:
    line = said(record("%s", text, extra={"fields": {"path": text, "level": text, "n": object()}}))
    assert (line["level"], line["logger"]) == ("warning", "streamer.x")
    assert line["message"][:1000] == line["path"][:1000] == text[:1000]
    assert len(json.dumps(line)) < 200_000


def test_what_is_said_of_access_are_fields(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "streamer.access"):
        audit("refused", code="forbidden", subject='a b"', topic="")
    (made,) = caplog.records
    line = said(made)
    known = {"event": "refused", "code": "forbidden", "subject": 'a b"'}
    assert known.items() <= line.items()
    assert "topic" not in line


def test_a_line_for_people_has_the_ids_at_its_end(doing: Doing) -> None:
    line = TextLines().format(record())
    ids = f"request_id=r-1 job_id=j-1 trace_id={TRACE.trace_id}"
    assert line.endswith(f" WARNING streamer.x: it is so {ids}")
    DOING.set(Doing())
    assert TextLines().format(record()).endswith(" WARNING streamer.x: it is so")


# Nobody waits


class Held(io.StringIO):
    """A stream whose reader has stopped, until it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = threading.Event()
        self.held = threading.Event()

    def write(self, text: str) -> int:
        self.held.set()
        assert self.let.wait(DEADLINE)
        return super().write(text)


def test_whoever_logs_does_not_wait_for_whoever_reads() -> None:
    stream = Held()
    handler = LogWriting(stream)
    handler.emit(record("first"))
    assert stream.held.wait(DEADLINE)
    for number in range(1000):  # all of them before the first is written
        handler.emit(record("%d", number))
    assert stream.getvalue() == ""
    stream.let.set()
    handler.flush()
    assert stream.getvalue().split() == ["first", *map(str, range(1000))]


def test_what_finds_no_room_is_counted_and_nothing_else_is_kept(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stream = Held()
    handler = LogWriting(stream)
    handler.emit(record("first"))
    assert stream.held.wait(DEADLINE)
    half = "x" * (MAX_WAITING // 2)
    for _ in range(4):
        handler.emit(record(half))
    stream.let.set()
    handler.flush()
    assert len(stream.getvalue()) < MAX_WAITING
    wait_until_blocking(
        lambda: "3 lines are left out" in caplog.text, "nobody said that lines are left out"
    )


def test_a_reader_that_is_gone_ends_nothing() -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            super().write(text)
            raise BrokenPipeError

    stream = Gone()
    handler = LogWriting(stream)
    for _ in range(2):
        handler.emit(record())
        handler.flush()
    assert stream.getvalue().count("it is so") == 2


def test_an_argument_that_does_not_fit_raises_in_nobody_who_logs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    handler = LogWriting(io.StringIO())
    handler.emit(record("%d", "x"))
    assert "--- Logging error ---" in capsys.readouterr().err


PROGRAM: Final = """
import logging, os, sys, warnings
from streamer.processes.log_lines import write_log
write_log("info", {form!r})
logging.getLogger("uvicorn.error").info("unsaid")
logging.getLogger("mine").info("before %s", "the fork")
if os.fork() == 0:
    logging.getLogger("mine").info("in the child")
    sys.exit(0)
os.wait()
warnings.warn("be warned")
raise RuntimeError("all is over")
"""


@pytest.mark.parametrize("form", ["auto", "json", "text"])
def test_a_process_writes_all_of_it_before_it_ends(form: str) -> None:
    """Also a fork's; and where programs read it, nothing that is no line."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(form=form)],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 1
    if form == "text":
        assert " INFO mine: before the fork\n" in done.stderr
        assert " INFO mine: in the child\n" in done.stderr
        assert done.stderr.endswith("RuntimeError: all is over\n")
        return
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert sorted(line["message"].partition("\n")[0] for line in lines[:2]) == [
        "before the fork",
        "in the child",
    ]
    assert "UserWarning: be warned" in lines[2]["message"]
    assert lines[3]["level"] == "critical"
    assert lines[3]["exception"].endswith("RuntimeError: all is over")
    assert len(lines) == 4
