"""Streamer, for the users of this project."""

import streamer


async def who(connection):
    user = await streamer.django_user(connection)
    return {"sub": str(user.pk), "streamer": {"subscribe": [f"orders/{user.pk}"]}} if user else None


live = streamer.create_app(authorize=who)
