"""A proxy as a program: it runs until the test is over, and answers once it is started."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import httpx

from .certificate import Certificate
from .processes import Program
from .waiting import wait_until_blocking


def replaced(text: str, *changes: tuple[str, str]) -> str:
    """`text` with each of `changes` made; what is to go must be there."""
    for before, after in changes:
        assert before in text, f"the file does not have {before!r}"
        text = text.replace(before, after)
    return text


@contextmanager
def answering(
    command: Sequence[object],
    url: str,
    *,
    environ: Mapping[str, str] | None = None,
    certificate: Certificate | None = None,
) -> Iterator[Program]:
    """Run a proxy, from the time on at which what is behind it answers at `url`.

    What it says is shown with a failure. Over TLS it has `certificate`.
    """
    verify = True if certificate is None else certificate.context()
    arguments = [str(argument) for argument in command]
    with Program(arguments, environ=environ) as program:

        def answers() -> bool:
            assert program.running, f"it ended at once: {program}"
            try:
                return httpx.get(f"{url}/healthz", trust_env=False, verify=verify).is_success
            except httpx.TransportError:
                return False

        wait_until_blocking(answers, f"{command[0]} did not answer")
        try:
            yield program
        finally:
            print(program.out[-2000:], program.err[-4000:])  # noqa: T201 - pytest shows it with a failure
