"""The path of one function: its arguments and its result, from the types that its Python declares."""

from __future__ import annotations

from typing import Any

from pydantic import TypeAdapter
from pydantic.errors import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError

from undercroft.catalog.types import Table
from undercroft.models.functions import Function
from undercroft.rest.parts.openapi_schemas import Schema, key, path_of, ref
from undercroft.rest.parts.openapi_shared import answer
from undercroft.rest.parts.openapi_tables import Operation, shared

FUNCTIONS = "(rpc)"
"""The heading above all of them; in brackets, so that it looks like no table."""
_FAULT = {"$ref": "#/components/responses/fault"}
UNKNOWN = (PydanticInvalidForJsonSchema, PydanticSchemaGenerationError)
_BODIES = ("application/json", "application/x-www-form-urlencoded")


def function_schemas(function: Function) -> dict[str, Schema]:
    """The components that speak of a function: its arguments, its result, and the types inside them."""
    arguments, inside = _arguments(function)
    found = {key(function.name, "arguments"): arguments, **inside}
    if function.result is not None:
        result, inside = _result(function, function.result)
        found |= {key(function.name, "result"): result, **inside}
    return found


def function_paths(function: Function, table: Table | None) -> dict[str, Any]:
    """The path: POST, and GET where it changes nothing. `table` holds the rows it gives, where the role may read it."""
    row = ref("schemas", table.name) if table is not None else None
    operations = {"post": _call(function, row)}
    if function.read_only:
        operations["get"] = _query(function, row)
    return {path_of("rpc", function.name): operations}


# --- types ---


def _arguments(function: Function) -> tuple[Schema, dict[str, Schema]]:
    """The arguments, and the types inside them; those that JSON Schema cannot tell may be anything."""
    try:
        schema = function.arguments.model_json_schema(ref_template=_template(function, "takes"))
    except UNKNOWN:
        return {"type": "object"}, {}
    schema.pop("title", None)
    return schema, _taken_out(function, "takes", schema)


def _result(function: Function, result: TypeAdapter[Any]) -> tuple[Schema, dict[str, Schema]]:
    try:
        schema = result.json_schema(ref_template=_template(function, "gives"), mode="serialization")
    except UNKNOWN:
        return {}, {}
    return schema, _taken_out(function, "gives", schema)


def _template(function: Function, part: str) -> str:
    return f"#/components/schemas/{key(function.name, part)}-{{model}}"


def _taken_out(function: Function, part: str, schema: Schema) -> dict[str, Schema]:
    """pydantic's definitions, as components."""
    return {f"{key(function.name, part)}-{name}": inner for name, inner in schema.pop("$defs", {}).items()}


# --- operations ---


def _operation(function: Function, verb: str, row: Schema | None, **parts: Any) -> Operation:
    said = {"description": function.doc} if function.doc else {}
    asked = shared("select", "order", "limit", "offset", "and", "or", "range", "preferCall") if row is not None else []
    return {
        "tags": [FUNCTIONS],
        "operationId": f"{verb}_{key(function.name)}",
        "summary": f"Call {function.name}",
        **said,
        **parts,
        "parameters": [*parts.get("parameters", ()), *asked],
        "responses": {**_answers(function, row), "default": _FAULT},
    }


def _call(function: Function, row: Schema | None) -> Operation:
    arguments = ref("schemas", function.name, "arguments")
    body = {
        "required": any(field.is_required() for field in function.arguments.model_fields.values()),
        "content": {name: {"schema": arguments} for name in _BODIES},
    }
    return _operation(function, "call", row, requestBody=body)


def _query(function: Function, row: Schema | None) -> Operation:
    schema, _ = _arguments(function)
    given = schema.get("properties", {})
    parameters = [
        {"name": name, "in": "query", "required": field.is_required(), "schema": given.get(name, {})}
        for name, field in function.arguments.model_fields.items()
    ]
    return _operation(function, "query", row, parameters=parameters)


def _answers(function: Function, row: Schema | None) -> dict[str, Any]:
    if row is not None:
        return {"200": answer("The rows.", row, "contentRange", list_=function.many)}
    if function.returns is None and function.result is None:
        return {"204": {"$ref": "#/components/responses/done"}}
    schema = ref("schemas", function.name, "result") if function.result is not None else {}
    return {"200": {"description": "The result.", "content": {"application/json": {"schema": schema}}}}
