"""Web Push: who has not read a notification in time is told of it by their browser.

Layout:

- `watch`: finds what is due, and has it sent; every server runs one.
- `sender`: sends one push, unless what it is about was read, and says what became of it.
- `message`: what a push says, within what a push service takes.
- `post`: one push on its way: encrypted, signed, and answered in time.
- `vapid`: who we are to push services, and how that is signed.
- `services`: which push services may be sent to, and how many pushes at a time.
- `browser`: what a browser gives us when it subscribes.
- `wired`: all of it, as the settings ask for it.
"""

__all__ = ["browser", "message", "post", "sender", "services", "vapid", "watch", "wired"]
