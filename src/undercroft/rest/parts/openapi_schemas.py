"""Tables and their columns as JSON Schema, which OpenAPI 3.1 uses: a row as it is read, and as it may be written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from undercroft.access.policy import Command, Rules
from undercroft.catalog.kinds import INTEGERS, JSONS, NUMBERS, Kind
from undercroft.catalog.types import Catalog, Column, Relation, Table
from undercroft.query.bind import find_relation
from undercroft.query.errors import QueryFault

Schema = dict[str, Any]

_UNSAFE = re.compile(r"[^A-Za-z0-9_]")
_PATTERNS = {Kind.BYTES: r"^\\x[0-9a-fA-F]*$"}


def key(*names: str) -> str:
    """Names as the key of a component: its letters are few, and no two names give the same key."""
    return "-".join(_UNSAFE.sub(lambda found: f".{ord(found[0]):x}.", name) for name in names)


def ref(section: str, *names: str) -> Schema:
    """A reference to a component."""
    return {"$ref": f"#/components/{section}/{key(*names)}"}


def path_of(*segments: str) -> str:
    """A path whose names may hold anything, braces included, without being taken for a template."""
    return "/" + "/".join(quote(segment, safe="") for segment in segments)


@dataclass(frozen=True, slots=True)
class Surface:
    """One table as one role may use it. `catalog` is the role's own, so nothing hidden is in it."""

    catalog: Catalog
    table: Table
    commands: frozenset[Command]
    locked: frozenset[str]
    """Columns that the role may read and not write."""

    @property
    def reads(self) -> bool:
        return "select" in self.commands

    @property
    def inserts(self) -> bool:
        return "insert" in self.commands and not self.table.is_view

    @property
    def updates(self) -> bool:
        """Rows that cannot be read cannot be changed either, as in PostgreSQL."""
        return {"select", "update"} <= self.commands and not self.table.is_view and bool(self.writable)

    @property
    def deletes(self) -> bool:
        return {"select", "delete"} <= self.commands and not self.table.is_view

    @property
    def replaces(self) -> bool:
        primary = self.table.primary_key
        return self.inserts and self.updates and bool(primary) and all(name in self.writable for name in primary)

    @property
    def writable(self) -> Mapping[str, Column]:
        return {
            name: column
            for name, column in self.table.columns.items()
            if name not in self.locked and not column.generated
        }

    def schemas(self) -> dict[str, Schema]:
        """The components that speak of this table: the row, and what inserts and updates may send."""
        name = self.table.name
        found: dict[str, Schema] = {}
        if self.reads:
            found[key(name)] = self._described({"type": "object", "properties": self._rows()})
        columns = {name: column_schema(column) for name, column in self.writable.items()}
        if self.inserts:
            required = [
                name for name, column in self.writable.items() if not column.nullable and not column.has_default
            ]
            found[key(name, "insert")] = _body(columns, required)
        if self.updates:
            found[key(name, "update")] = _body({name: _without_default(schema) for name, schema in columns.items()}, [])
        return found

    def _described(self, schema: Schema) -> Schema:
        return {"description": self.table.comment, **schema} if self.table.comment else schema

    def _rows(self) -> dict[str, Schema]:
        rows: dict[str, Schema] = {}
        for name, column in self.table.columns.items():
            schema = column_schema(column, notes=self._notes(column))
            if name not in self.writable or not (self.inserts or self.updates):
                schema["readOnly"] = True
            rows[name] = schema
        return rows

    def _notes(self, column: Column) -> str:
        """PostgREST's notes on keys, by which its clients find them."""
        notes = ["This is a Primary Key.<pk/>"] if column.name in self.table.primary_key else []
        for relation in self.relations():
            if relation.holds_key and [own for own, _ in relation.pairs] == [column.name]:
                table, target = relation.target, relation.pairs[0][1]
                notes.append(f"This is a Foreign Key to `{table}.{target}`.<fk table='{table}' column='{target}'/>")
        return "Note:\n" + "\n".join(notes) if notes else ""

    def relations(self) -> tuple[Relation, ...]:
        return self.catalog.relations.get(self.table.name, ())

    def embeds(self) -> list[tuple[str, Relation]]:
        """How each relation is named in `select`, with a hint where it takes one."""
        return [(name, relation) for relation in self.relations() if (name := self._embed_name(relation))]

    def _embed_name(self, relation: Relation) -> str | None:
        hint = relation.junction.table if relation.junction else relation.constraint
        plain = [*sorted(relation.names), relation.target]
        for name, given in [*((name, None) for name in plain), (relation.target, hint)]:
            try:
                found = find_relation(self.catalog, self.table.name, name, given)
            except QueryFault:
                continue
            if found is relation:
                return f"{name}!{given}" if given else name
        return None


def surface(catalog: Catalog, rules: Rules, role: str, table: Table) -> Surface:
    """A table as a role may use it; `catalog` is that role's."""
    locked = rules.columns_for(table.name, role, "read_only") | rules.columns_for(table.name, role, "preset")
    return Surface(catalog, table, rules.commands_for(table.name, role), locked)


def _without_default(schema: Schema) -> Schema:
    """An update leaves alone what it does not name."""
    return {word: value for word, value in schema.items() if word != "default"}


def _body(columns: Mapping[str, Schema], required: list[str]) -> Schema:
    schema: Schema = {"type": "object", "properties": dict(columns), "additionalProperties": False}
    return {**schema, "required": required} if required else schema


def column_schema(column: Column, notes: str = "") -> Schema:
    """A column's values; `format` is PostgreSQL's name of its type, as PostgREST gives it."""
    schema: Schema = {}
    kind = column.kind
    type_ = _json_type(kind)
    if type_:
        schema["type"] = [type_, "null"] if column.nullable else type_
    if kind not in (Kind.OTHER, Kind.ENUM):
        schema["format"] = column.pg_type
    if kind in _PATTERNS:
        schema["pattern"] = _PATTERNS[kind]
    members = _attribute(column, "enums")
    if kind is Kind.ENUM and members:
        schema["enum"] = [*members, None] if column.nullable else list(members)
    length = _attribute(column, "length")
    if kind in (Kind.VARCHAR, Kind.TEXT) and isinstance(length, int):
        schema["maxLength"] = length
    default = getattr(column.element.default, "arg", None)
    if isinstance(default, bool | int | float | str):
        schema["default"] = default
    said = "\n\n".join(text for text in (column.comment, notes) if text)
    return {**schema, "description": said} if said else schema


def _json_type(kind: Kind) -> str | None:
    if kind is Kind.BOOLEAN:
        return "boolean"
    if kind in INTEGERS:
        return "integer"
    if kind in NUMBERS:
        return "number"
    return None if kind in JSONS or kind is Kind.OTHER else "string"


def _attribute(column: Column, name: str) -> Any:
    """An attribute of the column's type, or of the type below a decorated one."""
    type_ = column.element.type
    return getattr(type_, name, None) or getattr(getattr(type_, "impl", None), name, None)
