"""An event of a video, as the editor reads it; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from ...errors import InvalidTopic
from ...events.control import Control
from ...events.event import Event
from ...events.json_line import encode_line
from ...events.snapshot import Snapshot
from ...events.topic import check_topic
from ...wire.bodies import BodyFrames, BodyLines

_VIDEOS: Final = "videos/"


def video_topic(video_id: str) -> str:
    """The topic of a video: ``videos/{video_id}``; raises `InvalidTopic`."""
    if "/" in video_id:
        raise InvalidTopic(
            f"{video_id[:64]!r} is not a videoId; it must be 1 to 64 of the characters "
            "A-Z a-z 0-9 _ . ~ -"
        )
    return check_topic(_VIDEOS + video_id)


def video_of(topic: str) -> str | None:
    """The id of the video that `topic` names, or None if it is not a video's."""
    video_id = topic.removeprefix(_VIDEOS)
    return None if video_id == topic or "/" in video_id else video_id


def bodies_of(event: Event) -> Iterator[bytes]:
    """What the editor is sent of `event`: one body for each video that it is of.

    ``id`` is for those who resume; an older page does not look at it.
    """
    videos = [video_id for topic in event.topics if (video_id := video_of(topic)) is not None]
    said = _say(event.type, msgspec.json.decode(event.fields)) if videos else None
    if said is None:
        return
    name, data = said
    of_log = {} if event.id is None else {"id": str(event.id)}
    for video_id in videos:
        yield encode_line({"type": name, "videoId": video_id, "data": data, **of_log})


def bodies_of_control(control: Control) -> Iterator[bytes]:
    """What the editor is sent of a control event: nothing, a body, or two.

    What is not of a video is the same as everywhere, for those who know it.
    """
    fields = control.fields
    match control.type:
        case "connected" | "caught_up" | "end":
            return  # it has no word for them, and no use either: it is answered on subscribing
        case "subscribed":
            yield encode_line({"type": "subscribed", "videoId": fields["videoId"]})
            if (state := fields.get("state")) is not None:
                yield encode_line(state)
        case "gap":
            if (video_id := video_of(fields["topic"])) is not None:
                yield encode_line({"type": "gap", "videoId": video_id, "data": fields})
        case _:
            yield control.body()


def subscribed_control(video_id: str, snapshot: Snapshot | None) -> Control:
    """Answer who subscribes: how the video stands follows, where it is known.

    The page knows no snapshot: the bar of a video that was done while it was away
    would stand for ever.
    """
    said = None if snapshot is None else _say_state(snapshot)
    if snapshot is None or said is None:
        return Control("subscribed", {"videoId": video_id})
    name, data = said
    state = {"type": name, "videoId": video_id, "data": data, "id": str(snapshot.cursor)}
    return Control("subscribed", {"videoId": video_id, "state": state})


def _say_state(snapshot: Snapshot) -> tuple[str, dict[str, Any]] | None:
    fields = snapshot.to_fields()
    match snapshot.status:
        case "completed":
            return _say("completed", fields)
        case "failed":
            return _say("error", fields)
        case "cancelled":
            return _say("status", fields)
        case _:
            return _say("progress", fields)


def _say(event_type: str, fields: Mapping[str, Any]) -> tuple[str, dict[str, Any]] | None:
    match event_type:
        case "progress":
            progress = fields.get("progress")
            if not isinstance(progress, int | float):
                return None
            percent = round(100 * min(max(progress, 0.0), 1.0))
            return "progress", {"percent": percent, "message": fields.get("message") or ""}
        case "completed":
            return "complete", _outcome(fields.get("result"))
        case "error":
            return "error", {"error": str(fields.get("error") or "it failed")}
        case "status" if fields.get("status") == "cancelled":
            return "error", {"error": "it was cancelled"}
        case _:
            return None


def _outcome(result: object) -> dict[str, Any]:
    """Where the output is, and its poster, where the job has said it."""
    if not isinstance(result, dict):
        return {"outputUrl": result if isinstance(result, str) else None}
    outcome = {"outputUrl": result.get("url") or result.get("outputUrl")}
    if isinstance(result.get("poster"), str):
        outcome["posterUrl"] = result["poster"]
    return outcome


FRAMES: Final = BodyFrames("editor-frames", bodies_of, bodies_of_control)
LINES: Final = BodyLines("editor-lines", bodies_of, bodies_of_control)
