"""Clients that others have written, each reading an answer: it has the whole, or knows that not."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import openai
from openai import OpenAI, Stream
from openai.types.chat import ChatCompletionChunk

from .ag_ui import Agent
from .waiting import DEADLINE, wait_until_blocking

#: How OpenAI's client says that it was cut, and that it is to come back.
_CUT: Final = (openai.APIConnectionError, openai.InternalServerError)
#: Seconds that a client waits for more.


class Reader(ABC):
    """One client, which goes on as often as it is told to; use it as a context manager.

    Args:
        asked: what it says, which is also the conversation that it says it in.
    """

    def __init__(self, asked: str) -> None:
        self.asked: Final = asked
        self._stack: Final = ExitStack()

    @property
    @abstractmethod
    def text(self) -> str:
        """What it has."""

    @abstractmethod
    def ask(self, url: str) -> None:
        """Say it to the server at `url`, and read the answer."""

    @abstractmethod
    def resume(self, url: str) -> None:
        """Go on from what it has, at a server that may be another one."""

    @abstractmethod
    def has(self, text: str) -> None:
        """Return once it has just this."""

    @abstractmethod
    def is_whole(self) -> bool:
        """Whether its stream ends as that of a whole answer; False if the client says it was cut.

        Raises:
            AssertionError: it ended in any other way.
        """

    @abstractmethod
    def twin(self) -> Self:
        """Another client that has what this one has, and reads nothing yet."""

    def come_to_the_whole(self, url: str) -> None:
        """Read to the end, and go on as often as it is cut."""

        def came() -> bool:
            if self.is_whole():
                return True
            self.resume(url)
            return False

        wait_until_blocking(came, f"{self} is cut again and again")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()

    def __str__(self) -> str:
        return f"{type(self).__name__}({self.asked!r})"


class AgUiReader(Reader):
    """AG-UI's client: it takes a run, and joins it again."""

    def __init__(self, asked: str, directory: Path) -> None:
        super().__init__(asked)
        self._directory: Final = directory
        self.agent: Agent

    @property
    def text(self) -> str:
        return self.agent.text if self.agent.running else str(self._messages()[-1]["content"])

    @property
    def answer(self) -> str:
        """What the answer is called that it reads."""
        last = next(e for e in reversed(self.agent.events) if e["type"] == "TEXT_MESSAGE_CONTENT")
        return str(last["messageId"]).removesuffix("-text-1")

    def ask(self, url: str) -> None:
        self._run(url, {"id": "m1", "role": "user", "content": self.asked})

    def resume(self, url: str) -> None:
        self._run(url)

    def has(self, text: str) -> None:
        wait_until_blocking(lambda: self.agent.text == text, f"{self} does not have {text!r}")

    def is_whole(self) -> bool:
        error = self.agent.result()["error"]
        has_finished = "RUN_FINISHED" in self.agent.types
        assert has_finished == (error is None), f"{error!r} after {self.agent.types}"
        return has_finished

    def twin(self) -> Self:
        return type(self)(self.asked, self._directory)

    def _messages(self) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.agent.result()["messages"]
        return messages

    def _run(self, url: str, *said: dict[str, Any]) -> None:
        self._stack.close()
        address = f"{url}/api/v1/ag-ui/chats/{self.asked}"
        agent = Agent(self._directory, address, said, join=not said)
        self.agent = self._stack.enter_context(agent)


class _OpenAiReader(Reader):
    """OpenAI's client, which is asked for one event after the other."""

    def __init__(self, asked: str) -> None:
        super().__init__(asked)
        self.events: list[Any] = []
        self._coming: Iterator[Any] = iter(())

    def has(self, text: str) -> None:
        while self.text != text:
            self.events.append(next(self._coming))

    def is_whole(self) -> bool:
        try:
            for event in self._coming:
                self.events.append(event)
        except _CUT:
            return False
        self._check_end(self.events[-1])
        return True

    def twin(self) -> Self:
        other = type(self)(self.asked)
        other.events = list(self.events)
        return other

    @abstractmethod
    def _check_end(self, last: Any) -> None:  # noqa: ANN401 - of its events, each is another type
        """Assert that this is the end of a whole answer."""

    def _client(self, url: str, path: str = "") -> OpenAI:
        self._stack.close()
        base = f"{url}/api/v1/openai/v1{path}"
        client = OpenAI(base_url=base, api_key="anything", max_retries=0, timeout=DEADLINE)
        return self._stack.enter_context(client)


class ResponseReader(_OpenAiReader):
    """A response, gone on with by `starting_after`.

    Args:
        answer: of the conversation `asked`, if it is no recording.
    """

    def __init__(self, asked: str, answer: str = "") -> None:
        super().__init__(asked)
        self._answer = answer

    @property
    def text(self) -> str:
        said = [e.delta for e in self.events if e.type == "response.output_text.delta"]
        return "".join(said)

    def ask(self, url: str) -> None:
        if self._answer:
            self.resume(url)
        else:
            responses = self._client(url).responses
            self._coming = iter(responses.create(model="m", input=self.asked, stream=True))

    def resume(self, url: str) -> None:
        self._coming = self._rest(url)

    def _rest(self, url: str) -> Iterator[Any]:
        """Ask when it is read: a server that is away is one that cuts."""
        responses = self._client(url, f"/chats/{self.asked}" if self._answer else "").responses
        if not self.events:
            yield from responses.retrieve(self._answer, stream=True)
        else:
            name, last = self.events[0].response.id, self.events[-1].sequence_number
            yield from responses.retrieve(name, stream=True, starting_after=last)

    def twin(self) -> Self:
        other = super().twin()
        other._answer = self._answer
        return other

    def _check_end(self, last: Any) -> None:  # noqa: ANN401 - likewise
        numbers = [event.sequence_number for event in self.events]
        assert numbers == sorted(set(numbers)), "an event came twice"
        assert last.type == "response.completed", f"{self} ended with {last}"
        assert last.response.output_text == self.text, "what it was told is not what was said"


class CompletionReader(_OpenAiReader):
    """A chat completion, asked for again by its id."""

    @property
    def text(self) -> str:
        return "".join(event.choices[0].delta.content or "" for event in self.events)

    def ask(self, url: str) -> None:
        messages: Any = [{"role": "user", "content": self.asked}]
        completions = self._client(url).chat.completions
        self._coming = iter(completions.create(model="m", messages=messages, stream=True))

    def resume(self, url: str) -> None:
        self._coming = self._again(url)

    def _again(self, url: str) -> Iterator[Any]:
        name, kind = self.events[0].id, Stream[ChatCompletionChunk]
        path = f"/chat/completions/{name}"
        coming = self._client(url).get(
            path, cast_to=ChatCompletionChunk, stream=True, stream_cls=kind
        )
        self.events.clear()
        yield from coming

    def _check_end(self, last: Any) -> None:  # noqa: ANN401 - likewise
        assert last.choices[0].finish_reason == "stop", f"{self} ended with {last}"
