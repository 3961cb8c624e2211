"""URLs as they may be shown: without their password."""

from __future__ import annotations

from ..config.redis_url import without_password

__all__ = ["without_password"]
