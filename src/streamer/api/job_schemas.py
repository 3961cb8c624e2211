"""What OpenAPI says of the jobs that may be asked for: a body for each kind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ..jobs.kinds import JobKind
from ..jobs.known_kinds import load_kinds
from ..jobs.offers import OfferedKind
from .schema_parts import REF

_Schema = dict[str, Any]

#: The body of a request for a job of any kind.
JOB_REQUEST: Final = REF.format(name="JobRequest")
#: Where the schema of parameters refers to, by itself.
_OWN_REF: Final = "#/$defs/"


def job_schemas(offered: Mapping[str, OfferedKind]) -> dict[str, _Schema]:
    """The schemas of all bodies, by name: of the kinds installed here, and of those offered."""
    kinds: dict[str, JobKind] = {**offered, **load_kinds()}
    schemas: dict[str, _Schema] = {}
    refs: dict[str, str] = {}
    for name, kind in sorted(kinds.items()):
        if not kind.is_own:
            schemas |= _schemas_of(kind)
            refs[name] = REF.format(name=_called(name))
    request = {
        "description": "A job: its kind, and what that takes.",
        "oneOf": [{"$ref": ref} for ref in refs.values()],
        "discriminator": {"propertyName": "kind", "mapping": refs},
    }
    return {"JobRequest": request, **schemas}


def _schemas_of(kind: JobKind) -> dict[str, _Schema]:
    """The body of one kind, and what it refers to, under names that no other kind has."""
    called = _called(kind.name)
    if isinstance(kind, OfferedKind):
        schema, named = dict(kind.schema), kind.schema.get("$defs", {})
        schema.pop("$defs", None)
        schema["description"] = kind.description
    else:
        (found,), named = msgspec.json.schema_components(
            (kind.parameters,), ref_template=f"{_OWN_REF}{{name}}"
        )
        schema = named.pop(found["$ref"].rpartition("/")[2])
    body = {
        "type": "object",
        "description": schema.get("description", ""),
        "properties": {"kind": {"type": "string", "const": kind.name}, **schema["properties"]},
        "required": ["kind", *schema.get("required", ())],
        "additionalProperties": False,
    }
    inner = {f"{called}.{name}": each for name, each in named.items()}
    found = {called: body, **inner}
    return {name: _renamed(each, called) for name, each in found.items()}


def _renamed(schema: Any, called: str) -> Any:  # noqa: ANN401 - any JSON
    """`schema`, with the references that it has as they are among the components."""
    if isinstance(schema, list):
        return [_renamed(each, called) for each in schema]
    if not isinstance(schema, dict):
        return schema
    ref = schema.get("$ref")
    if isinstance(ref, str) and ref.startswith(_OWN_REF):
        return {"$ref": REF.format(name=f"{called}.{ref.removeprefix(_OWN_REF)}")}
    return {name: _renamed(each, called) for name, each in schema.items()}


def _called(kind: str) -> str:
    return f"Job.{kind}"
