"""Django, with Streamer below ``/live``."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
django = get_asgi_application()

from shop.live import live  # noqa: E402 - Django is set up first

application = live.beside(django, at="/live")
