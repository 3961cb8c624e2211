"""Answers of a conversation over HTTP: whoever may speak there may stop one."""

from __future__ import annotations

from typing import Any, Final

from litestar import Request, Response, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import FromPath

from ..errors import NotFound
from ..events.topic import chat_topic
from ..jobs.chat_answer.asking import Answers
from .asker import asker_of
from .documentation import ApiOperation
from .jobs import OVER
from .may import may_publish, may_read


@post(
    "/chats/{chat_id:str}/answers/{answer:str}/stop",
    status_code=202,
    responses={
        200: ResponseSpec(
            dict[str, Any], description="The answer is over.", generate_examples=False
        )
    },
    tags=["chats"],
    operation_class=ApiOperation,
    summary="Stop an answer",
)
async def stop_answer(
    chat_id: FromPath[str], answer: FromPath[str], request: Request[Any, Any, Any]
) -> Response[dict[str, Any]]:
    """Stop an answer while it is said; what was said of it is kept, in `ai_failed`.

    `answer` is its name, as every event of it has it. 202 while its worker is stopping, 200
    once it is over; `status` says as what. It may be asked for again.
    """
    topic = chat_topic(chat_id)
    may_publish(asker_of(request), (topic,))
    state = await answers_of(request).stop(chat_id, answer)
    shown = {"answer": answer, "status": state["status"]}
    return Response(shown, status_code=200 if state["status"] in OVER else 202)


def answers_of(request: Request[Any, Any, Any]) -> Answers:
    """The answers of this server's conversations.

    Raises:
        NotFound: nobody answers here.
    """
    answers: Answers | None = request.app.state.answers
    if answers is None:
        raise NotFound("nobody answers here: neither STREAMER_AI_URL nor STREAMER_AI_KIND is set")
    return answers


async def may_ask(request: Request[Any, Any, Any], topic: str) -> Answers:
    """The answers, for whoever may say something in a conversation and read what is said to it.

    Raises:
        Forbidden: they may not.
        LogUnavailable: it cannot be known now.
        NotFound: nobody answers here.
    """
    asker = asker_of(request)
    may_publish(asker, (topic,))
    await may_read(asker, (topic,), request.app.state.log)
    return answers_of(request)


ANSWER_HANDLERS: Final = (stop_answer,)
