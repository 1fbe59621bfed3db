"""The path of one table: an operation for each verb that the role may use on it."""

from __future__ import annotations

from typing import Any

from undercroft.rest.parts.openapi_schemas import Schema, Surface, key, path_of, ref
from undercroft.rest.parts.openapi_shared import answer, filter_parameter

Operation = dict[str, Any]

_FAULT = {"$ref": "#/components/responses/fault"}
_HEADERS = ("contentRange", "preferenceApplied")
_ROWS = ("select", "order", "limit", "offset", "and", "or", "range", "rangeUnit", "preferRead")


def table_paths(surface: Surface) -> dict[str, Operation]:
    """The table's path with its operations; empty where the role may do nothing that HTTP has a verb for."""
    verbs = {
        "get": _read(surface) if surface.reads else None,
        "post": _insert(surface) if surface.inserts else None,
        "patch": _update(surface) if surface.updates else None,
        "put": _replace(surface) if surface.replaces else None,
        "delete": _delete(surface) if surface.deletes else None,
    }
    operations = {verb: operation for verb, operation in verbs.items() if operation is not None}
    return {path_of(surface.table.name): operations} if operations else {}


def table_parameters(surface: Surface) -> dict[str, Operation]:
    """The filters of a table that can be read, as components."""
    if not surface.reads:
        return {}
    name = surface.table.name
    return {
        key(name, column.name): filter_parameter(column.name, column.pg_type)
        for column in surface.table.columns.values()
    }


def shared(*names: str) -> list[Schema]:
    """References to shared parameters; their keys end in a dash, as no column's does."""
    return [{"$ref": f"#/components/parameters/{name}-"} for name in names]


def _operation(surface: Surface, verb: str, summary: str, **parts: Any) -> Operation:
    name = surface.table.name
    responses = {**parts.pop("responses"), "default": _FAULT}
    named = {"tags": [name], "operationId": f"{verb}_{key(name)}", "summary": summary}
    return {**named, **parts, "responses": responses}


def _filters(surface: Surface) -> list[Schema]:
    return [ref("parameters", surface.table.name, name) for name in surface.table.columns]


def _row(surface: Surface) -> Schema | None:
    """A row of the answer, for those who may read it."""
    return ref("schemas", surface.table.name) if surface.reads else None


def _read(surface: Surface) -> Operation:
    row = _row(surface)
    return _operation(
        surface,
        "read",
        f"Read {surface.table.name}",
        description=_embeds(surface),
        parameters=[*_filters(surface), *shared(*_ROWS)],
        responses={
            "200": answer("The rows.", row, *_HEADERS),
            "206": answer("A part of the rows, which were counted.", row, *_HEADERS),
        },
    )


def _embeds(surface: Surface) -> str:
    lines = [
        f"- `{name}(…)`: {'one' if relation.to_one else 'a list'} of {relation.target}"
        for name, relation in surface.embeds()
    ]
    return "\n".join(["What `select` may embed:", "", *lines]) if lines else "Nothing can be embedded."


def _insert(surface: Surface) -> Operation:
    name, row = surface.table.name, _row(surface)
    one = ref("schemas", name, "insert")
    extra = ("onConflict",) if surface.updates else ()
    return _operation(
        surface,
        "insert",
        f"Insert into {name}",
        parameters=shared(*(("select",) if surface.reads else ()), "columns", *extra, "preferInsert"),
        requestBody={
            "required": True,
            "content": {
                "application/json": {"schema": {"anyOf": [one, {"type": "array", "items": one}]}},
                "application/x-www-form-urlencoded": {"schema": one},
                "text/csv": {"schema": {"type": "string", "description": "A line of column names, then the rows."}},
            },
        },
        responses={"201": answer("Stored; the rows, where they were asked for.", row, *_HEADERS, "location")},
    )


def _update(surface: Surface) -> Operation:
    name = surface.table.name
    return _operation(
        surface,
        "update",
        f"Update {name}",
        description="The rows that all filters match. Without any filter it is refused.",
        parameters=[*_filters(surface), *shared("and", "or", "select", "columns", "preferWrite")],
        requestBody={"required": True, "content": {"application/json": {"schema": ref("schemas", name, "update")}}},
        responses=_written(surface),
    )


def _delete(surface: Surface) -> Operation:
    return _operation(
        surface,
        "delete",
        f"Delete rows of {surface.table.name}",
        description="The rows that all filters match. Without any filter it is refused.",
        parameters=[*_filters(surface), *shared("and", "or", "select", "preferWrite")],
        responses=_written(surface),
    )


def _replace(surface: Surface) -> Operation:
    name = surface.table.name
    keys = [
        {
            **filter_parameter(column, surface.table.columns[column].pg_type),
            "required": True,
            "description": "`eq.…`, as in the body.",
        }
        for column in surface.table.primary_key
    ]
    return _operation(
        surface,
        "replace",
        f"Insert or replace one row of {name}",
        parameters=[*keys, *shared("select", "columns", "preferWrite")],
        requestBody={"required": True, "content": {"application/json": {"schema": ref("schemas", name, "insert")}}},
        responses={"201": answer("A new row.", _row(surface), "preferenceApplied"), **_written(surface)},
    )


def _written(surface: Surface) -> dict[str, Any]:
    return {
        "200": answer("The rows as they are now, for `Prefer: return=representation`.", _row(surface), *_HEADERS),
        "204": {"$ref": "#/components/responses/done"},
    }
