"""Who is asking, and what they may.

Layout:

- `patterns`: topics and patterns of topics, and what they cover.
- `grants`: what somebody may do, once it is known who they are.
- `credentials`: where a credential is in a request, and that there is one and no other.
"""

__all__ = ["credentials", "grants", "patterns"]
