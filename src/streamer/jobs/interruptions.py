"""A stopping worker interrupts its jobs, also one that is about to begin."""

from __future__ import annotations

from dramatiq import Broker, MessageProxy, Worker
from dramatiq.middleware import Shutdown, ShutdownNotifications


class Interruptions(ShutdownNotifications):
    """Raises `Shutdown` in every job, unless its actor says ``notify_shutdown=False``.

    Dramatiq's own forgets the job that begins while it is interrupting the others.
    """

    def __init__(self) -> None:
        super().__init__(notify_shutdown=True)
        self._stopping = False

    def before_worker_shutdown(self, broker: Broker, worker: Worker) -> None:
        """Interrupt the jobs that run."""
        self._stopping = True
        super().before_worker_shutdown(broker, worker)  # type: ignore[no-untyped-call]

    def after_worker_shutdown(self, broker: Broker, worker: Worker) -> None:  # noqa: ARG002
        """Let jobs begin again, for another worker of this process."""
        self._stopping = False

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Interrupt the job that begins too late.

        Raises:
            Shutdown: the worker is stopping.
        """
        super().before_process_message(broker, message)  # type: ignore[no-untyped-call]
        if self._stopping and self.should_notify(broker.get_actor(message.actor_name), message):  # type: ignore[no-untyped-call]
            raise Shutdown("the worker was stopped")
