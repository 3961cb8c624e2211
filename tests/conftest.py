"""Fixtures of the whole suite; each file of `support` is one kind of thing."""

pytest_plugins = ["support.servers", "support.live", "support.jobs"]
