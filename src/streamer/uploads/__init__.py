"""Videos that clients send: received in pieces, in quarantine until probed.

Layout:

- `stored`: one upload on disk: its record, its bytes, and the lock of who writes them.
- `appending`: its bytes, written behind those that are there.
- `store`: the uploads of a directory, which all processes of a machine share.
- `settling`: what becomes of an upload whose bytes are all there.
- `limits`: how large one may be.
- `incoming`: one request that brings bytes of it.
- `reports`: what the readers of an upload are told of it.
- `uploads`: uploads as a server sees them: created, continued, ended, swept.
"""

__all__ = ["appending", "incoming", "limits", "reports", "settling", "store", "stored", "uploads"]
