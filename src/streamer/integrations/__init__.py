"""Other people's queues and frameworks, one file for each.

An integration is a door: it may import what it needs, of ours and of others, and nothing
of ours imports it, another integration included. So it is added, changed and taken away
without a look at the rest; what it needs of a package that is not ours is an extra of the
distribution. Whoever uses it imports it by its own name.

Layout: none yet.
"""

__all__: list[str] = []
