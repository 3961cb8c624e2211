"""What a video editor's page speaks: one WebSocket for many videos, and a trim.

Layout:

- `forms`: an event of a video, as the editor reads it; pure.
- `frames`: what the editor's page sends; pure.
- `videos`: the WebSocket at ``/api/v1/ws/videos``.
- `edit`: ``POST /api/upload`` and ``POST /api/edit/trim``.
- `multipart_file`: the one file of a multipart form, as it comes.
- `answers`: errors over HTTP, as the editor reads them.
"""

from __future__ import annotations

from .edit import EDIT_ROUTES
from .videos import VIDEO_ROUTES

#: What is served of this dialect.
ROUTES = (*VIDEO_ROUTES, *EDIT_ROUTES)

__all__ = ["ROUTES", "answers", "edit", "forms", "frames", "multipart_file", "videos"]
