"""Which version this is; a module of its own, for whatever the package's face imports may ask."""

from __future__ import annotations

__version__ = "0.1.0"
