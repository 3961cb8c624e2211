"""Videos that clients send: received in pieces, in quarantine until probed.

Layout:

- `stored`: one upload on disk: its record, its bytes, and the lock of who writes them.
- `store`: the uploads of a directory, which all processes of a machine share.
- `settling`: what becomes of an upload whose bytes are all there.
- `uploads`: uploads as a server sees them: created, continued, ended, swept.
"""

__all__ = ["settling", "store", "stored", "uploads"]
