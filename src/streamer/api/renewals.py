"""A stream that is open goes on with a new token, in whichever process it is."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections import Counter
from typing import Any, Final

import msgspec
from litestar import Request, post
from litestar.params import FromPath

from ..access.packed import packed, unpacked
from ..backoff import Backoff
from ..errors import (
    Forbidden,
    LogUnavailable,
    NotFound,
    StreamerError,
    TokenExpired,
    TokenRevoked,
    TooManyRequests,
)
from ..eventlog.access import Renewal
from ..eventlog.base import EventLog
from ..every import every
from ..hub.hub import Hub
from ..hub.stream_ids import process_of
from .asker import Asker, asker_of
from .documentation import ApiOperation
from .may import may_read
from .refusals import note_renewal

_logger: Final = logging.getLogger(__name__)

#: As `StreamIds` gives them: any other is nobody's, and nobody is asked for it.
_STREAM_ID: Final = re.compile(r"[0-9a-f]{12}\.[0-9a-f]{32}")
#: Seconds between two looks for what other processes were asked, and while the log is away.
_LOOK_INTERVAL: Final = 0.5
_BACKOFF: Final = Backoff(_LOOK_INTERVAL, 1.0)
#: Seconds that another process has to answer. One that does not is gone, or never was.
_PATIENCE: Final = 2.0
#: Seconds between two looks for its answer.
_ANSWER_INTERVAL: Final = 0.1
#: Renewals that wait for another process, and those of one subject: each asks the log ten
#: times a second, and whoever may ask us must not make us flood it.
_MOST_WAITING: Final = 200
_MOST_WAITING_PER_SUBJECT: Final = 20
#: Bytes that name a renewal: whoever could guess it could answer it.
_ID_BYTES: Final = 16

#: What another process may answer but that it is done.
_REFUSALS: Final[dict[str, type[StreamerError]]] = {
    error.code: error for error in (NotFound, Forbidden, TokenExpired, TokenRevoked, LogUnavailable)
}


class Renewals:
    """Gives streams new tokens: those of this process, and through the log those of others."""

    def __init__(self, hub: Hub, log: EventLog) -> None:
        self._hub: Final = hub
        self._log: Final = log
        self._process: Final = hub.stream_ids.process
        self._waiting: Final[Counter[str]] = Counter()

    async def renew(self, stream_id: str, asker: Asker) -> None:
        """Let a stream, here or elsewhere, go on with the token of `asker`.

        Raises:
            NotFound: it is not open, or somebody else's, which is the same.
            Forbidden: the token may not read all that the stream does.
            TokenExpired, TokenRevoked: it holds no longer.
            TooManyRequests: too many of other processes are renewed at once.
            LogUnavailable: it is of another process, and the log is away.
        """
        if asker.credential is None or _STREAM_ID.fullmatch(stream_id) is None:
            raise _unknown()
        if process_of(stream_id) == self._process:
            await self.here(stream_id, asker)
        else:
            await self._in_turn(stream_id, asker)

    async def here(self, stream_id: str, asker: Asker) -> None:
        """Do as `renew` for a stream of this process."""
        stays = self._hub.stays
        while True:
            stay = stays.find(stream_id)
            if stay is None or stay.reader.subject != asker.subject:
                raise _unknown()
            topics = stay.reader.session.topics
            await may_read(asker, topics, self._log)
            # It may have gone meanwhile, or reads something else.
            if stays.find(stream_id) is stay and stay.reader.session.topics == topics:
                break
        stays.extend(stay, asker.grants, asker.grants.expires)
        note_renewal(stay.reader)

    async def run(self) -> None:
        """Look again and again for what other processes were asked, until cancelled."""
        await every(
            _LOOK_INTERVAL,
            self.look,
            "looking for streams to renew",
            logger=_logger,
            backoff=_BACKOFF,
        )

    async def look(self) -> None:
        """Renew the streams that other processes were asked for; raises `LogUnavailable`."""
        for renewal in await self._log.access.take(self._process):
            await self._log.access.answer(renewal.id, await self._answer(renewal))

    async def _answer(self, renewal: Renewal) -> str:
        try:
            grants = unpacked(renewal.grants)
            await self.here(renewal.stream_id, Asker("", grants.subject, grants))
        except StreamerError as error:
            known = error if error.code in _REFUSALS else _unknown()
            return msgspec.json.encode((known.code, known.detail)).decode()
        return ""

    async def _in_turn(self, stream_id: str, asker: Asker) -> None:
        waiting, subject = self._waiting, asker.subject
        if waiting.total() >= _MOST_WAITING or waiting[subject] >= _MOST_WAITING_PER_SUBJECT:
            raise TooManyRequests("too many streams are renewed at once", retry_after=1.0)
        waiting[subject] += 1
        try:
            await self._elsewhere(stream_id, asker)
        finally:
            waiting[subject] -= 1
            if not waiting[subject]:
                del waiting[subject]

    async def _elsewhere(self, stream_id: str, asker: Asker) -> None:
        renewal = Renewal(secrets.token_hex(_ID_BYTES), stream_id, packed(asker.grants))
        await self._log.access.send(process_of(stream_id), renewal)
        try:
            async with asyncio.timeout(_PATIENCE):
                # Of another process there is no event to wait for.
                while (answer := await self._log.access.answer_to(renewal.id)) is None:  # noqa: ASYNC110
                    await asyncio.sleep(_ANSWER_INTERVAL)
        except TimeoutError:
            raise _unknown() from None
        if answer:
            code, detail = msgspec.json.decode(answer, type=tuple[str, str])
            raise _REFUSALS.get(code, NotFound)(detail)


def _unknown() -> NotFound:
    return NotFound("no such stream of yours is open; open another")


@post(
    "/streams/{stream_id:str}/token",
    status_code=204,
    tags=["access"],
    operation_class=ApiOperation,
    summary="Give an open stream a new token",
)
async def renew_stream(stream_id: FromPath[str], request: Request[Any, Any, Any]) -> None:
    """Let a stream go on with the token of this request, as long as that holds.

    `stream_id` is in its `connected`. The token names the same subject, and may read all
    that the stream does; else the stream keeps the one it has.
    """
    renewals: Renewals = request.app.state.renewals
    await renewals.renew(stream_id, asker_of(request))


RENEWAL_HANDLERS: Final = (renew_stream,)
