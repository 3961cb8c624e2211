"""Everything else that people do to a server during a soak: jobs, uploads, messages, reading."""

from __future__ import annotations

import asyncio
import contextlib
import random
import secrets
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Final, Self

import httpx

from .soak_stage import SoakStage
from .tus import PIECE, TUS, metadata_of
from .waiting import wait_until

#: Visits a second; one in forty queues a job.
RATE: Final = 8.0
#: People, projects and chats that there are.
PEOPLE: Final = 20
OVER: Final = {"completed", "failed", "cancelled"}


class Visits:
    """Whoever comes does one thing; a request that is refused or lost is not tried again.

    Attributes:
        jobs: ids of those that were taken.
        done: how often each thing was done.
    """

    def __init__(self, stage: SoakStage) -> None:
        self._random: Final = random.Random(stage.random.getrandbits(32))
        self._client: Final = httpx.AsyncClient(
            base_url=stage.url, timeout=httpx.Timeout(8.0), trust_env=False
        )
        self.jobs: Final[list[str]] = []
        self.done: Final[dict[str, int]] = {}
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        await self.stop()
        await self._client.aclose()

    async def stop(self) -> None:
        """Let nobody come any more."""
        assert self._task is not None
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def is_well(self) -> bool:
        """Return True, or raise what somebody was answered against the rules."""
        if self._task is not None and self._task.done() and not self._task.cancelled():
            self._task.result()
        return True

    async def _run(self) -> None:
        things: list[Callable[[], Awaitable[Any]]] = [
            self._message,
            self._notification,
            self._upload,
            self._unfinished_upload,
            self._read,
            self._look,
        ]
        while True:
            thing = self._random.choice(things) if self._random.random() > 1 / 40 else self._job
            with contextlib.suppress(httpx.HTTPError):
                await thing()
                name = thing.__name__.strip("_")
                self.done[name] = self.done.get(name, 0) + 1
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.get_running_loop().create_future(), 1 / RATE)

    def _who(self) -> int:
        return self._random.randrange(PEOPLE)

    async def _post(self, path: str, body: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON
        return _well(await self._client.post(f"/api/v1/{path}", json=body)).json()

    async def _job(self) -> None:
        body = {"kind": "trim", "source": "sample", "start": 1, "end": 3}
        answer = await self._post(f"projects/soak-{self._who()}/jobs", body)
        self.jobs.append(answer["task_id"])

    async def _message(self) -> None:
        await self._post(f"chats/soak-{self._who()}/messages", {"message": "Is it flat?"})

    async def _notification(self) -> None:
        body = {"topic": f"users/soak-{self._who()}", "type": "told", "text": "x" * 200}
        await self._post("events", body)

    async def _read(self) -> None:
        who = f"soak-{self._who()}"
        topic = f"users/{who}"
        at = _well(await self._client.get(f"/api/v1/events?topic={topic}")).json()["cursor"]
        _well(
            await self._client.put(
                f"/api/v1/topics/{topic}/cursor", json={"cursor": at, "reader": who}
            )
        )

    async def _look(self) -> None:
        _well(await self._client.get(f"/api/v1/projects/soak-{self._who()}/status"))

    async def _begin(self, length: int) -> str:
        project, name = f"soak-{self._who()}", f"{secrets.token_hex(4)}.mp4"
        headers = {
            **TUS,
            "Upload-Length": str(length),
            "Upload-Metadata": metadata_of(project_id=project, filename=name),
        }
        answer = _well(await self._client.post("/api/v1/uploads", headers=headers))
        return str(answer.headers["location"])

    async def _upload(self) -> None:
        """What comes is no video, and is thrown away once it is looked at."""
        body = self._random.randbytes(100_000)
        # Another server's sweep may look at it first; then it is gone already.
        await self._send(await self._begin(len(body)), body, "invalid-source", "not-found")

    async def _unfinished_upload(self) -> None:
        await self._send(await self._begin(200_000), self._random.randbytes(50_000))

    async def _send(self, path: str, body: bytes, *allowed: str) -> None:
        headers = {**PIECE, "Upload-Offset": "0"}
        answer = await self._client.patch(path, headers=headers, content=body)
        if not any(f"error:{code}" in answer.text for code in allowed):
            _well(answer)

    async def all_ended(self) -> None:
        """Wait until each job that was taken is over."""
        left = set(self.jobs)

        async def ended() -> bool:
            for job in list(left):
                with contextlib.suppress(httpx.HTTPError):
                    answer = await self._client.get(f"/api/v1/jobs/{job}")
                    # One that was over for longer than events are kept is known to nobody.
                    gone = answer.status_code == httpx.codes.NOT_FOUND
                    if gone or answer.raise_for_status().json()["status"] in OVER:
                        left.discard(job)
            return not left

        await wait_until(ended, f"jobs did not end: {sorted(left)[:5]}", deadline=180)


def _well(answer: httpx.Response) -> httpx.Response:
    """The answer, unless it is one of a server that cannot just now; all else is a fault."""
    code = answer.status_code
    assert answer.is_success or answer.is_server_error or code == httpx.codes.TOO_MANY_REQUESTS, (
        f"{answer.request.method} {answer.request.url}: {code} {answer.text}"
    )
    return answer.raise_for_status()
