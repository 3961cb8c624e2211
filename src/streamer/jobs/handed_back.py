"""A job that is interrupted because its worker stops has not failed: it is tried once more."""

from __future__ import annotations

from typing import Final

from dramatiq import Broker, MessageProxy
from dramatiq.middleware import Middleware, Retries, Shutdown

#: Milliseconds in which it comes back, about: a worker that takes its place is there by then.
_SOON: Final = 500
#: Options of `Retries` that are changed for that one time, and where they are kept meanwhile.
_BACKOFF: Final = ("min_backoff", "max_backoff")
_KEPT_OPTION: Final = "streamer_backoff"


class HandedBack(Middleware):
    """Behind `Retries`, whose hook then runs after ours: to be interrupted counts as no try.

    Otherwise a deploy would end every job whose actor says ``max_retries=0``, and all others
    would wait as if something were wrong.
    """

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:  # noqa: ARG002
        """Have it wait as ever, should it fail."""
        kept = message.options.pop(_KEPT_OPTION, None)
        if kept is not None:
            for name in _BACKOFF:
                message.options.pop(name, None)
            message.options.update(kept)

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: object = None,  # noqa: ARG002
        exception: BaseException | None = None,
    ) -> None:
        """Allow one more, soon."""
        if not isinstance(exception, Shutdown):
            return
        options = message.options
        retries = next((each for each in broker.middleware if isinstance(each, Retries)), None)
        most = None if retries is None else retries.max_retries
        most = broker.get_actor(message.actor_name).options.get("max_retries", most)
        most = options.get("max_retries", most)
        if most is not None:
            options["max_retries"] = int(most) + 1
        options[_KEPT_OPTION] = {name: options[name] for name in _BACKOFF if name in options}
        options.update(dict.fromkeys(_BACKOFF, _SOON))
