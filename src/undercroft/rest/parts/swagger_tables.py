"""Tables in Swagger 2.0: their definitions, their parameters, and one path each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from undercroft.catalog.types import Catalog, Column, Table
from undercroft.rest.parts.swagger_shared import Part, references, said, type_of


@dataclass(frozen=True, slots=True)
class Usable:
    """A table, and what the caller may do with it."""

    table: Table
    reads: bool = True
    inserts: bool = True
    updates: bool = True
    deletes: bool = True


def definition(catalog: Catalog, table: Table) -> Part:
    """A row of the table."""
    required = [name for name, column in table.columns.items() if not column.nullable]
    found: Part = {
        "type": "object",
        "properties": {name: _property(catalog, table, column) for name, column in table.columns.items()},
    }
    if required:
        found["required"] = required
    return {"description": table.comment, **found} if table.comment else found


def _property(catalog: Catalog, table: Table, column: Column) -> Part:
    found = type_of(column.pg_type)
    members = _attribute(column, "enums") or _attribute(column, "words")
    if members:
        found["enum"] = list(members)
    length = column.length or _attribute(column, "length")
    if isinstance(length, int) and found.get("type") == "string":
        found["maxLength"] = length
    if column.default is not None:
        default = _constant(column.default, column.pg_type, found.get("type"))
    else:
        default = getattr(column.element.default, "arg", None)
    if isinstance(default, bool | int | float | str):
        found["default"] = default
    described = "\n\n".join(text for text in (column.comment, _notes(catalog, table, column)) if text)
    return {"description": described, **found} if described else found


def _constant(default: str, pg_type: str, kind: str | None) -> Any:
    """A default, written as SQL, as a value: of texts, what stands between the quotes of a constant; of others, what is
    JSON as well. None for what must be worked out."""
    if kind == "string":
        return default.removesuffix(f"::{pg_type}").strip("'") if default.endswith(f"::{pg_type}") else default
    try:
        return msgspec.json.decode(default)
    except msgspec.DecodeError:
        return None


def _attribute(column: Column, name: str) -> Any:
    type_ = column.element.type
    return getattr(type_, name, None) or getattr(getattr(type_, "impl", None), name, None)


def _notes(catalog: Catalog, table: Table, column: Column) -> str:
    """PostgREST's notes on keys, by which its clients find them."""
    notes = ["This is a Primary Key.<pk/>"] if column.name in table.primary_key else []
    known = catalog.relations.get(table.name, ())
    for relation in sorted(known, key=lambda each: catalog.tables[each.target].is_view):  # tables before views of them
        if relation.holds_key and [own for own, _ in relation.pairs] == [column.name]:
            target, other = relation.target, relation.pairs[0][1]
            notes.append(f"This is a Foreign Key to `{target}.{other}`.<fk table='{target}' column='{other}'/>")
            break
    return "Note:\n" + "\n".join(notes) if notes else ""


def table_parameters(table: Table) -> dict[str, Part]:
    """The body of the table's writes, and a filter for each of its columns."""
    body = {
        "name": table.name,
        "description": table.name,
        "required": False,
        "in": "body",
        "schema": {"$ref": f"#/definitions/{table.name}"},
    }
    filters = {
        f"rowFilter.{table.name}.{name}": {
            "name": name,
            "required": False,
            "in": "query",
            "type": "string",
            **({"description": column.comment} if column.comment else {}),
        }
        for name, column in table.columns.items()
    }
    return {f"body.{table.name}": body, **filters}


def table_path(usable: Usable) -> Part:
    """The verbs of a table's path that the caller may use."""
    name = usable.table.name
    filters = [f"rowFilter.{name}.{column}" for column in usable.table.columns]
    body = f"body.{name}"
    rows = {"type": "array", "items": {"$ref": f"#/definitions/{name}"}}
    page = ("select", "order", "range", "rangeUnit", "offset", "limit", "preferCount")
    read = {"200": {"description": "OK", "schema": rows}, "206": {"description": "Partial Content"}}
    done = {"204": {"description": "No Content"}}
    verbs = {
        "get": (usable.reads, [*filters, *page], read),
        "post": (usable.inserts, [body, "select", "preferPost"], {"201": {"description": "Created"}}),
        "delete": (usable.deletes, [*filters, "preferReturn"], done),
        "patch": (usable.updates, [*filters, body, "preferReturn"], done),
    }
    return {
        verb: {"tags": [name], **said(usable.table.comment), "parameters": references(names), "responses": responses}
        for verb, (may, names, responses) in verbs.items()
        if may
    }
