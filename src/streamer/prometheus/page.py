"""Numbers as Prometheus reads them, in the format that it asks for."""

from __future__ import annotations

from typing import NamedTuple

from prometheus_client.exposition import choose_encoder

from .numbers import Numbers


class Page(NamedTuple):
    """What is sent."""

    body: bytes
    content_type: str


def page(numbers: Numbers, accept: str) -> Page:
    """Show `numbers` in OpenMetrics if `accept`, the field of the request, asks for that.

    Otherwise in the text format of Prometheus, which everything reads.
    """
    encode, content_type = choose_encoder(accept)
    return Page(encode(numbers), content_type)
