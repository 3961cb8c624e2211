"""What older clients speak: their wire forms, and the addresses where they are spoken.

A dialect is a door: it may import what it needs, and nothing of ours imports it, another
dialect included. It is one file (or folder) with a wire form (`wire.form.Form`) and route
handlers, which are given to ``create_app(..., routes=...)``; they pass the door
(`api.asker`) like every other, and attach to the hub with their form.

Layout: none yet.
"""

__all__: list[str] = []
