"""Uploads a file by tuspy, as an application would; prints its address."""

from __future__ import annotations

import sys

from tusclient.client import TusClient

endpoint, project, path = sys.argv[1:]
uploader = TusClient(endpoint).uploader(
    path,
    metadata={"project_id": project, "filename": "Катя.mp4"},
    retries=20,
    retry_delay=0.2,
)
uploader.upload()
print(uploader.url)
