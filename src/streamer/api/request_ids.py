"""The id of each request: the one it came with, or one that is made; the answer has it, too."""

from __future__ import annotations

import os
import re
from random import Random
from typing import Final

#: Of a request and its answer. It is no standard, but what proxies and platforms use.
HEADER: Final = "x-request-id"

#: What is taken from outside: it stands in every line of the log, and in answers.
_TAKEN: Final = re.compile(r"[A-Za-z0-9_.~:/+=@-]{1,128}")
#: Bits of an id of ours: of a billion requests no two have the same, but with a chance of 3 %.
_BITS: Final = 64
#: Not the one of everybody, which a program may seed. An id proves nothing, so it may be
#: guessed; a count would tell anybody how much is asked here.
_random: Final = Random()
os.register_at_fork(after_in_child=_random.seed)  # else two processes give the same


def request_id_of(given: str | None) -> str:
    """`given`, if it is fit for an id; else one that no other request has."""
    if given is not None and _TAKEN.fullmatch(given) is not None:
        return given
    return f"{_random.getrandbits(_BITS):016x}"
