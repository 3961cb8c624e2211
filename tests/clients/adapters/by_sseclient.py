"""PyPI ``sseclient``, of 2020: its module has the name of `sseclient-py`'s, so only one is found.

It reads below HTTP: the sizes of chunks are lines that it does not know, and the last chunk is
an event without data.
"""

from collections.abc import Callable
from importlib.metadata import distribution
from importlib.util import module_from_spec, spec_from_file_location

_SPEC = spec_from_file_location(
    "sseclient_of_2020", str(distribution("sseclient").locate_file("sseclient.py"))
)
assert _SPEC is not None
assert _SPEC.loader is not None
sseclient = module_from_spec(_SPEC)
_SPEC.loader.exec_module(sseclient)


def follow(url: str, last: str, emit: Callable[[str | None, str], None]) -> None:
    for event in sseclient.SSEClient(url, last_id=last or None, timeout=(5, 40)):
        if event.data:
            emit(event.id, event.data)
