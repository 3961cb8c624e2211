"""What an answer says to a browser of what it may do there: its policies."""

from __future__ import annotations

from typing import Final

#: For an answer that is for programs: if a browser shows it after all, it may load
#: nothing, and stands in nobody's frame (CSP Level 3).
NOTHING_POLICY: Final = (
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

#: Powers of a browser that no page of ours uses, nor whatever found its way into one.
_POWERS: Final = (
    *("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "hid"),
    *("magnetometer", "microphone", "midi", "payment", "serial", "usb"),
)
#: What every page, and every file that a browser shows, says beside its policy of content.
SHOWN_HEADERS: Final = {
    "Permissions-Policy": ", ".join(f"{power}=()" for power in _POWERS),
    "X-Content-Type-Options": "nosniff",
}
#: A page that opened ours, or that ours opened, has no handle on it (HTML, 7.1.3). Not of
#: what is sandboxed by its policy: a browser shows no answer that says both.
UNSHARED: Final = {"Cross-Origin-Opener-Policy": "same-origin"}
