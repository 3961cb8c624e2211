"""A client of the AI SDK's UI message stream, as strict as the real one; written from its rules."""

from __future__ import annotations

import json
from typing import Any

Part = dict[str, Any]


class BrokenStream(Exception):
    """The real client would end with an error: it was sent what makes no sense."""


class UiClient:
    """One message, as the frames of one or several streams build it.

    Attributes:
        parts: of the message.
        message_id: its id.
        metadata: what was said of it as a whole.
        finish: how it ended: ``finish``, ``abort`` or ``error``; None while it has not.
        is_done: whether the last frame came.
        chunks: all that it was sent by this stream.
    """

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.message_id: str | None = None
        self.metadata: dict[str, Any] = {}
        self.finish: str | None = None
        self.finish_reason: str | None = None
        self.is_done = False
        self.chunks: list[Part] = []
        self._begins = False
        self._texts: dict[str, Part] = {}
        self._inputs: dict[str, Part] = {}
        self._buffer = b""

    def resume(self) -> None:
        """Read another stream, which replays the message from its beginning."""
        self._begins, self._buffer, self.is_done, self.finish = True, b"", False, None
        self.chunks = []

    def feed(self, data: bytes) -> None:
        """Take bytes of the stream."""
        self._buffer += data
        *frames, self._buffer = self._buffer.split(b"\n\n")
        for frame in frames:
            self._frame(frame)

    @property
    def text(self) -> str:
        """All of its text."""
        return "".join(part["text"] for part in self.parts if part["type"] == "text")

    def deltas(self) -> int:
        """How many pieces of texts this stream had."""
        return sum(chunk["type"].endswith("-delta") for chunk in self.chunks)

    def _frame(self, frame: bytes) -> None:
        data = [line for line in frame.split(b"\n") if line and not line.startswith((b":", b"id:"))]
        if not data:
            return
        [line] = data
        if not line.startswith(b"data: ") or self.is_done:
            raise BrokenStream(f"no frame of the stream: {frame!r}")
        if line == b"data: [DONE]":
            if self.finish is None:
                raise BrokenStream("done, and nothing has finished")
            self.is_done = True
            return
        if self.finish is not None:
            raise BrokenStream(f"behind the end: {line!r}")
        chunk = json.loads(line[6:])
        self.chunks.append(chunk)
        self._take(chunk)

    def _take(self, chunk: Part) -> None:
        kind, _, of = chunk["type"].partition("-")
        if chunk["type"].startswith("data-"):
            self._data(chunk)
        elif kind in ("text", "reasoning") and of in ("start", "delta", "end"):
            self._text(kind, of, chunk)
        elif kind == "tool":
            self._tool(of, chunk)
        else:
            self._other(chunk)

    def _other(self, chunk: Part) -> None:
        match chunk["type"]:
            case "start":
                if self._begins:
                    self.parts, self.metadata = [], {}
                    self._texts, self._inputs = {}, {}
                    self._begins = False
                self.message_id = chunk.get("messageId", self.message_id)
            case "start-step":
                self.parts.append({"type": "step-start"})
            case "reset-step":
                del self.parts[self._step() :]
                self._texts, self._inputs = {}, {}
            case "finish" | "abort" | "error":
                self.finish, self.finish_reason = chunk["type"], chunk.get("finishReason")
            case "source-url" | "source-document" | "file" | "reasoning-file" | "custom":
                self.parts.append(chunk)
            case "message-metadata":
                self.metadata |= chunk["messageMetadata"]
            case "finish-step":
                pass
            case unknown:
                raise BrokenStream(f"an unknown chunk: {unknown}")

    def _step(self) -> int:
        """Where the parts of the current step begin."""
        starts = [n for n, part in enumerate(self.parts) if part["type"] == "step-start"]
        return starts[-1] + 1 if starts else 0

    def _text(self, kind: str, of: str, chunk: Part) -> None:
        name = f"{kind} {chunk['id']}"
        if of == "start":
            self._texts[name] = {"type": kind, "text": ""}
            self.parts.append(self._texts[name])
            return
        if name not in self._texts:
            raise BrokenStream(f"{chunk['type']} of what was not started: {name}")
        if of == "delta":
            self._texts[name]["text"] += chunk["delta"]
        else:
            del self._texts[name]

    def _call(self, chunk: Part) -> Part:
        for part in reversed(self.parts):
            if part.get("toolCallId") == chunk["toolCallId"]:
                return part
        raise BrokenStream(f"{chunk['type']} of a call that there is none of")

    def _tool(self, of: str, chunk: Part) -> None:
        match of:
            case "input-start":
                self._inputs[chunk["toolCallId"]] = part = {
                    "type": f"tool-{chunk['toolName']}",
                    "toolCallId": chunk["toolCallId"],
                    "input_text": "",
                }
                self.parts.append(part)
            case "input-delta":
                if chunk["toolCallId"] not in self._inputs:
                    raise BrokenStream("a delta of an input that was not started")
                self._inputs[chunk["toolCallId"]]["input_text"] += chunk["inputTextDelta"]
            case "input-available" | "input-error":
                self._called(chunk)
            case "output-available":
                self._call(chunk).update(output=chunk["output"])
            case "output-error":
                self._call(chunk).update(output_error=chunk["errorText"])
            case "output-denied":
                self._call(chunk).update(denied=True)
            case "approval-request":
                self._call(chunk).update(approval=chunk["approvalId"])
            case unknown if unknown != "approval-response":
                raise BrokenStream(f"an unknown chunk: tool-{unknown}")

    def _called(self, chunk: Part) -> None:
        try:
            part = self._call(chunk)
        except BrokenStream:
            part = {"type": f"tool-{chunk['toolName']}", "toolCallId": chunk["toolCallId"]}
            self.parts.append(part)
        part |= {"input": chunk["input"], "error": chunk.get("errorText")}
        part.pop("input_text", None)

    def _data(self, chunk: Part) -> None:
        if chunk.get("transient"):
            return
        part: Part = {name: chunk[name] for name in ("type", "id", "data") if name in chunk}
        for number, before in enumerate(self.parts):
            if "id" in part and (before["type"], before.get("id")) == (part["type"], part["id"]):
                self.parts[number] = part
                return
        self.parts.append(part)
