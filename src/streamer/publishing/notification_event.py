"""What notifications of known types say; what OpenAPI says of them."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

_Video = Annotated[str, Meta(description="The video's id.")]
_Percent = Annotated[float, Meta(ge=0, le=100, description="In percent, 0 to 100.")]
_Bytes = Annotated[int, Meta(ge=0, description="Bytes.")]
_Why = Annotated[str, Meta(description="What went wrong, for a person.")]


class _OfVideo(msgspec.Struct, tag_field="type", kw_only=True):
    video_id: _Video


class TranscodeProgressEvent(_OfVideo, tag="transcode_progress"):
    """How far a transcode is; it does not count as unread."""

    status: str
    progress: _Percent
    message: str


class TranscodeCompleteEvent(_OfVideo, tag="transcode_complete"):
    """A video is there."""

    title: str
    format_type: str
    file_size: _Bytes


class TranscodeFailedEvent(_OfVideo, tag="transcode_failed"):
    """A transcode failed."""

    title: str
    error: _Why


class SystemMessageEvent(msgspec.Struct, tag_field="type", tag="system_message", kw_only=True):
    """What is told to everybody, to admins, or to one user."""

    message: str
    level: Literal["info", "success", "warning", "error"]


#: Every notification that has a method of `Notifications` to itself.
NotificationEvent = (
    TranscodeProgressEvent | TranscodeCompleteEvent | TranscodeFailedEvent | SystemMessageEvent
)
