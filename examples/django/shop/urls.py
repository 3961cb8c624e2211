"""The addresses of the shop; those of Streamer are in ``asgi.py``."""

from django.urls import path

from shop.views import login, page, pay

urlpatterns = [path("", page), path("pay", pay), path("login/<slug:name>", login)]
