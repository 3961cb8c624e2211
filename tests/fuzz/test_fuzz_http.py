from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from support.live import Live
from support.waiting import DEADLINE

#: Requests of each operation; set it higher for a long run.
EXAMPLES: Final = int(os.environ.get("STREAMER_FUZZ_EXAMPLES", "15"))

_FILE: Final = Path(__file__).parents[2] / "openapi" / "openapi.json"
# A stream never ends, so that its answer cannot be checked whole: see test_fuzz_streams.py.
API: Final = schemathesis.openapi.from_path(_FILE).exclude(
    path_regex=r"/(stream|ws|ws/admin|ws/chat/\{session_id\})$"
)


@schemathesis.serializer("application/x-ndjson")
def lines(_context: Any, value: object) -> bytes:  # noqa: ANN401 - schemathesis's own
    """To the schema such a body is a text."""
    return str(value).encode("utf-8", "surrogatepass")


@API.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
def test_every_request_is_answered_as_the_schema_says(
    case: schemathesis.Case[Any], fuzzed: Live
) -> None:
    """Whatever comes, the answer is one that openapi.json lists, and none is a 500."""
    if isinstance(case.query, dict):
        case.query.pop("wait", None)  # it may be a minute
    answer = case.call(base_url=fuzzed.url, timeout=DEADLINE)
    assert b"Traceback" not in answer.content
    case.validate_response(
        answer,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )
