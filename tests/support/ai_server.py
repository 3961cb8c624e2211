"""An OpenAI-compatible server that answers as a test wrote down, in whatever pieces."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Self

from .waiting import DEADLINE, wait_until_blocking

#: Ends the connection without the end of the body, as a server that dies does.
CUT: Final = "(cut)"

#: What an answer is made of: bytes to send, an event to wait for, or `CUT`.
Step = bytes | threading.Event | str
#: What a request is answered: steps; or a status alone; or, after the status, a body.
Answer = Sequence[Step] | int | tuple[int, bytes]
#: The same, or what makes it of the request's body.
Script = Answer | Callable[[dict[str, Any]], Answer]


def chunk(text: str | None, finish_reason: str | None = None, model: str = "m1") -> bytes:
    """One frame of a stream."""
    delta = {} if text is None else {"content": text}
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason}
    body = {"id": "c1", "object": "chat.completion.chunk", "model": model, "choices": [choice]}
    return f"data: {json.dumps(body, ensure_ascii=False)}\n\n".encode()


DONE: Final = b"data: [DONE]\n\n"


def whole(*texts: str) -> list[Step]:
    """A whole answer of these pieces."""
    return [*(chunk(text) for text in texts), chunk(None, "stop"), DONE]


def event(kind: str, number: int | None, **fields: object) -> bytes:
    """One event of the stream of a response."""
    numbered = {} if number is None else {"sequence_number": number}
    body = json.dumps({"type": kind, **numbered, **fields}, ensure_ascii=False)
    return f"event: {kind}\ndata: {body}\n\n".encode()


def response(*texts: str, status: str = "completed", name: str = "resp_upstream") -> list[Step]:
    """A whole response of these pieces, as OpenAI streams it."""
    made = {"object": "response", "created_at": 1700000000, "model": "m1", "tools": []}
    made |= {"id": name, "error": None, "parallel_tool_calls": True, "tool_choice": "auto"}
    item = {"id": "msg_1", "type": "message", "role": "assistant"}
    part = {"type": "output_text", "annotations": []}
    at = {"output_index": 0, "item_id": "msg_1", "content_index": 0}
    text = "".join(texts)
    last = {**item, "status": "completed", "content": [{**part, "text": text}]}
    events: list[tuple[str, dict[str, Any]]] = [
        ("response.created", {"response": {**made, "status": "in_progress", "output": []}}),
        ("response.in_progress", {"response": {**made, "status": "in_progress", "output": []}}),
        (
            "response.output_item.added",
            {"output_index": 0, "item": {**item, "status": "in_progress", "content": []}},
        ),
        ("response.content_part.added", {**at, "part": {**part, "text": ""}}),
        *(("response.output_text.delta", {**at, "delta": each, "logprobs": []}) for each in texts),
        ("response.output_text.done", {**at, "text": text, "logprobs": []}),
        ("response.content_part.done", {**at, "part": {**part, "text": text}}),
        ("response.output_item.done", {"output_index": 0, "item": last}),
        (f"response.{status}", {"response": {**made, "status": status, "output": [last]}}),
    ]
    return [event(kind, number, **fields) for number, (kind, fields) in enumerate(events)]


class AiServer:
    """Answers each request with the next of its scripts, and the last one again and again."""

    def __init__(self, *scripts: Script) -> None:
        self._scripts: Final = list(scripts)
        self.requests: Final[list[dict[str, Any]]] = []
        self.headers: Final[list[dict[str, str]]] = []
        #: Connections that the client has left before their end.
        self.left = 0
        #: Streams that were sent to their end.
        self.ended = 0
        self._lock: Final = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None: ...

        self._server: Final = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url: Final = f"http://127.0.0.1:{self._server.server_address[1]}/v1"
        self._thread: Final = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def asked(self, times: int = 1) -> None:
        """Wait until it was asked so often."""
        wait_until_blocking(lambda: len(self.requests) >= times, "the AI server was not asked")

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
        with self._lock:
            self.requests.append({"path": handler.path, **body})
            self.headers.append(dict(handler.headers))
            script = self._scripts[min(len(self.requests), len(self._scripts)) - 1]
        if callable(script):
            script = script(body)
        if isinstance(script, int):
            script = (script, b'{"error":"key-of-somebody"}'[:25])
        if isinstance(script, tuple):
            status, said = script
            handler.send_response(status)
            handler.send_header("Content-Type", "application/json")
            handler.send_header("Content-Length", str(len(said)))
            handler.end_headers()
            handler.wfile.write(said)
            return
        handler.send_response(200)
        handler.send_header("Content-Type", "text/event-stream; charset=utf-8")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        try:
            self._send(handler, script)
        except OSError:
            self.left += 1

    def _send(self, handler: BaseHTTPRequestHandler, steps: Sequence[Step]) -> None:
        for step in steps:
            if isinstance(step, threading.Event):
                self._wait(handler, step)
            elif isinstance(step, bytes):
                handler.wfile.write(f"{len(step):x}\r\n".encode() + step + b"\r\n")
            else:
                handler.connection.shutdown(socket.SHUT_RDWR)
                return
        handler.wfile.write(b"0\r\n\r\n")
        with self._lock:
            self.ended += 1

    def _wait(self, handler: BaseHTTPRequestHandler, step: threading.Event) -> None:
        """Wait for a test; raise if the client leaves meanwhile."""
        handler.connection.settimeout(0.02)
        for _ in range(int(DEADLINE / 0.02)):
            if step.is_set():
                handler.connection.settimeout(None)
                return
            try:
                if handler.connection.recv(1) == b"":
                    raise ConnectionResetError
            except TimeoutError:
                continue
