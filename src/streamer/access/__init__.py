"""Who is asking, and what they may.

Layout:

- `patterns`: topics and patterns of topics, and what they cover.
- `grants`: what somebody may do, once it is known who they are.
"""

__all__ = ["grants", "patterns"]
