"""How many users and admins are connected, over all processes."""

from __future__ import annotations

from collections.abc import Mapping

from ...events.topic import ADMINS, USERS


def statistics(counts: Mapping[str, int]) -> dict[str, int]:
    """Read `counts`, readers by topic: users by their inboxes, admins by theirs."""
    users = {
        topic: number for topic, number in counts.items() if topic.startswith(USERS) and number
    }
    admins = counts.get(ADMINS, 0)
    return {
        "total_users": len(users),
        "total_user_connections": sum(users.values()),
        "total_admin_connections": admins,
        "total_connections": sum(users.values()) + admins,
    }
