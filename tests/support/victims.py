"""A server with somebody else's things in it, and those who are after them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from streamer.config.settings import Settings
from streamer.events.cursor import Cursor
from streamer.events.new_event import new_event
from streamer.events.snapshot import Snapshot
from streamer.events.topic import job_topic
from streamer.uploads.store import UploadStore
from streamer.uploads.stored import Record

from .asking import ClosedStage, grants
from .stage import Peer
from .waiting import wait_until_blocking

#: Stands in everything that is the victim's, and in nothing else.
SECRET: Final = "secret-7c1f"

#: What is the victim's: the topic of a person, of a project, of a job in it, and others.
TOPICS: Final = ("users/7", "projects/x1", "jobs/v1", "admin", "Chats/1", "chats")

#: The upload that the victim has begun.
UPLOAD: Final = "7c1f" + 28 * "0"

#: Who is after it: may read and write, and much by a pattern, but none of that.
MALLORY: Final = grants(
    "mallory",
    reads=("projects/mine", "jobs/mine", "chats/**"),
    writes=("projects/mine", "jobs/mine", "chats/**"),
)
#: May read nearly all of it and write none of it.
READER: Final = grants("reader", reads=("projects/*", "jobs/*", "users/*"))
#: Whose it is, and who looks after everything.
VICTIM: Final = grants("7", reads=TOPICS, writes=TOPICS)
ROOT: Final = grants("root", admin=True)


class VictimStage(ClosedStage):
    """A server that knows the four of them, each by the own name as a token."""

    def __init__(self, output: Path, **wired: Any) -> None:  # noqa: ANN401 - as `create_app` has them
        wired.setdefault(
            "settings",
            # Without rates: an attacker has time.
            Settings(
                output_dir=output,
                upload_dir=output / "uploads",
                send_timeout=5.0,
                publish_rate=0,
                job_rate=0,
            ),
        )
        self._upload: Final = UploadStore(wired["settings"]).create(
            Record(project="x1", owner="7", party="7", filename=SECRET, length=9, metadata=SECRET),
            UPLOAD,
        )
        super().__init__(MALLORY, READER, VICTIM, ROOT, **wired)
        self._begin()
        self.ids: Final = {topic: self.append(topic, SECRET) for topic in TOPICS}
        self.append("projects/mine", "mine")
        self.append("projects/mine", "mine")
        fields = {"task_name": SECRET, "progress": 0.5, "message": SECRET, "job_id": "v1"}
        self.loop.run(
            self.log._log.append(new_event(("projects/x1", "jobs/v1"), "progress", fields))
        )
        (output / "v1.mp4").write_text(SECRET)
        self._before: Final = {topic: self.kept(topic) for topic in TOPICS}

    def _begin(self) -> None:
        """Send the first request, and let the sweep of uploads that it starts come to its end."""
        asked: list[str] = []
        snapshots = self.log.snapshots

        async def looking(topics: Sequence[str]) -> dict[str, Snapshot]:
            asked.extend(topics)
            return await snapshots(topics)

        self.log.snapshots = looking  # type: ignore[method-assign]
        self.ask("/healthz")

        def is_swept() -> bool:
            self.settle()
            return job_topic(UPLOAD) in asked

        # It looks at files in a thread, whose time is not the stage's, and asks the log last.
        wait_until_blocking(is_swept, "the upload was not looked at")
        self.settle()
        self.log.snapshots = snapshots  # type: ignore[method-assign]

    def append(self, topic: str, text: str) -> Cursor:
        """Publish an event with `text` to `topic`; return its id."""
        event = new_event(topic, "note", {"text": text, "project_id": "x1"})
        event_id: Cursor | None = self.loop.run(self.log._log.append(event))
        assert event_id is not None
        return event_id

    def kept(self, topic: str) -> list[bytes]:
        """The events of `topic`, as the log has them."""
        page = self.loop.run(self.log._log.read([topic], Cursor(0, 0), 1000))
        return [event.body for event in page.events]

    def tell(self) -> None:
        """Let something more happen to everything that is the victim's."""
        for topic in TOPICS:
            self.append(topic, SECRET)
        self.settle()

    def read_by(self, *peers: Peer) -> list[bytes]:
        """What of the victim's these have received."""
        found = [peer.take() for peer in peers]
        return [received for received in found if SECRET.encode() in received]

    def changed(self) -> list[str]:
        """The topics of the victim's, and the upload's id, that are not as they were."""
        upload = [] if self._upload.part.exists() else [UPLOAD]
        return [topic for topic in TOPICS if self.kept(topic) != self._before[topic]] + upload
