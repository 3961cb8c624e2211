"""What a deploy happens to: two servers behind a real nginx."""

from __future__ import annotations

from support.browser import browser, chromium  # noqa: F401 - fixtures of these tests alone
