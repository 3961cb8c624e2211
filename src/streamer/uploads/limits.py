"""How large an upload may be."""

from __future__ import annotations

from ..config.settings import Settings


def max_bytes(settings: Settings) -> int:
    """Bytes that one upload may have: no more than all that are kept may take together."""
    together = settings.output_bytes
    return min(settings.upload_max_bytes, together) if together else settings.upload_max_bytes
