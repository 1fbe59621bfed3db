"""Functions in Swagger 2.0: the database's own and the app's, as a path each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from undercroft.catalog.types import Routine
from undercroft.models.functions import Function
from undercroft.rest.parts.openapi_functions import UNKNOWN
from undercroft.rest.parts.swagger_shared import CALLED, Part, format_of, references, said, type_of

_SCALARS = frozenset({"string", "integer", "number", "boolean"})


@dataclass(frozen=True, slots=True)
class Taken:
    """An argument: its schema, and whether it must be given. Of a variadic one any number may be."""

    name: str
    schema: Part
    required: bool
    variadic: bool = False


@dataclass(frozen=True, slots=True)
class Offered:
    """A function as callers see it."""

    name: str
    taken: tuple[Taken, ...]
    read_only: bool
    doc: str | None


def of_routine(name: str, overloads: Sequence[Routine]) -> Offered:
    """A function of the database; of several that share a name the one with most arguments is described."""
    one = max(overloads, key=lambda each: len(each.arguments))
    taken = tuple(Taken(each.name, type_of(each.type_), each.required, each.variadic) for each in one.arguments)
    return Offered(name, taken, one.read_only, one.comment)


def of_function(function: Function) -> Offered:
    """A function of the app, by what pydantic says of its arguments."""
    try:
        schema = function.arguments.model_json_schema()
    except UNKNOWN:
        schema = {}
    required = schema.get("required", ())
    taken = tuple(Taken(name, _bare(found), name in required) for name, found in schema.get("properties", {}).items())
    return Offered(function.name, taken, function.read_only, function.doc)


def _bare(schema: Any) -> Part:
    """The words of JSON Schema that Swagger 2.0 has as well."""
    found = {word: schema[word] for word in ("type", "format", "default", "enum", "description") if word in schema}
    if found.get("type") == "array":
        found["items"] = _bare(schema.get("items", {}))
    return found


def function_path(function: Offered) -> Part:
    """POST with the arguments as an object, and GET where the function changes nothing."""
    properties = {each.name: each.schema for each in function.taken}
    schema: Part = {
        "type": "object",
        **({"properties": properties} if properties else {}),
        **({"description": function.doc} if function.doc else {}),
    }
    required = [each.name for each in function.taken if each.required]
    if required:
        schema["required"] = required
    body = {"required": True, "name": "args", "in": "body", "schema": schema}
    verbs: Part = {"post": _operation(function, [body, *references(["preferParams"])])}
    if function.read_only:
        verbs["get"] = _operation(function, [_in_query(each) for each in function.taken])
    return verbs


def _operation(function: Offered, parameters: list[Part]) -> Part:
    return {
        "tags": [f"(rpc) {function.name}"],
        **said(function.doc),
        "produces": CALLED,
        **({"parameters": parameters} if parameters else {}),
        "responses": {"200": {"description": "OK"}},
    }


def _in_query(taken: Taken) -> Part:
    parameter = {"name": taken.name, "required": taken.required, "in": "query"}
    if taken.variadic:
        items = {"type": "string", **taken.schema.get("items", {})}
        items["format"] = format_of(taken.schema.get("format", "").removesuffix("[]"))
        return {**parameter, "type": "array", "items": items, "collectionFormat": "multi"}
    kind = taken.schema.get("type")
    if kind not in _SCALARS:  # what has parts is written as one text
        return {
            **parameter,
            "type": "string",
            **({"format": taken.schema["format"]} if "format" in taken.schema else {}),
        }
    return {**parameter, **taken.schema}
