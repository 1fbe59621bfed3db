"""What comments (`@graphql({...})`) and an app's file say of tables, columns, keys and types for this API.

Protocol: pg_graphql, "Configuration" and "Views": comment directives.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from undercroft.catalog.types import Catalog, Table

_OPENING = "@graphql("


@dataclass(frozen=True, slots=True)
class DirectedKey:
    """A relation where the database has no foreign key."""

    columns: tuple[str, ...]
    table: str
    target_columns: tuple[str, ...]
    local_name: str | None = None
    """The field of the target that leads here."""
    foreign_name: str | None = None
    """The field that leads to the target."""


@dataclass(frozen=True, slots=True)
class Directive:
    """What is said of one object; None and empty for what is not."""

    name: str | None = None
    description: str | None = None
    local_name: str | None = None
    foreign_name: str | None = None
    primary_key: tuple[str, ...] = ()
    foreign_keys: tuple[DirectedKey, ...] = ()
    total_count: bool | None = None
    aggregate: bool | None = None
    max_rows: int | None = None
    inflect_names: bool | None = None
    introspection: bool | None = None
    resolve_base_type: bool | None = None
    """Values of domains are shown and compared as those of what lies below them."""
    mappings: Mapping[str, str] = field(default_factory=dict)
    expose: bool | None = None

    def over(self, other: Directive) -> Directive:
        """This one, and what the other one says where this says nothing."""
        said = {name: value for name in self.__slots__ if (value := getattr(self, name)) not in (None, (), {})}
        return replace(other, **said)


NOTHING = Directive()


@dataclass(frozen=True, slots=True)
class Directives:
    """All that is said, by the names of what it is said of."""

    schema: Directive = NOTHING
    tables: Mapping[str, Directive] = field(default_factory=dict)
    columns: Mapping[tuple[str, str], Directive] = field(default_factory=dict)
    """Computed fields too."""
    constraints: Mapping[tuple[str, str], Directive] = field(default_factory=dict)
    """By the table that holds the key, and the key's name."""
    relationships: Mapping[tuple[str, str], Directive] = field(default_factory=dict)
    """By table and the name that the models give to a relation."""
    functions: Mapping[str, Directive] = field(default_factory=dict)
    enumerations: Mapping[str, Directive] = field(default_factory=dict)
    """By the name of the type."""
    problems: tuple[str, ...] = ()
    """What cannot be read, and where it stands."""

    def table(self, name: str) -> Directive:
        return self.tables.get(name, NOTHING)

    def column(self, table: str, name: str) -> Directive:
        return self.columns.get((table, name), NOTHING)

    def over(self, other: Directives) -> Directives:
        """These, and the other ones where these say nothing."""
        parts = ("tables", "columns", "constraints", "relationships", "functions", "enumerations")
        joined: dict[str, Any] = {part: _joined(getattr(self, part), getattr(other, part)) for part in parts}
        problems = (*self.problems, *other.problems)
        return Directives(schema=self.schema.over(other.schema), problems=problems, **joined)


class Comment(NamedTuple):
    """A comment, read: the directive in it, the text around that, and what is wrong."""

    directive: Directive
    text: str | None
    problem: str | None = None


def read_comment(comment: str | None) -> Comment:
    """Read a comment; a directive that is wrong is none, and told."""
    if comment is None or _OPENING not in comment:
        return Comment(NOTHING, (comment or "").strip() or None)
    before, _, rest = comment.partition(_OPENING)
    try:
        said, end = json.JSONDecoder().raw_decode(rest.lstrip())
        after = rest.lstrip()[end:].lstrip()
        if not after.startswith(")") or not isinstance(said, dict):
            return Comment(NOTHING, before.strip() or None, "@graphql(…) takes one JSON object")
        directive, problem = _read(said)
    except (ValueError, RecursionError):
        return Comment(NOTHING, before.strip() or None, "what stands in @graphql(…) is no JSON")
    text = " ".join(part for part in (before.strip(), after[1:].strip()) if part)
    return Comment(directive, directive.description or text or None, problem)


def comment_directives(catalog: Catalog) -> Directives:
    """What the comments on tables, their columns and keys, on functions and enumerations say."""
    problems: list[str] = []

    def read(comment: str | None, place: str) -> Directive:
        found = read_comment(comment)
        if found.problem is not None:
            problems.append(f"the comment on {place}: {found.problem}")
        return found.directive

    tables: dict[str, Directive] = {}
    columns: dict[tuple[str, str], Directive] = {}
    constraints: dict[tuple[str, str], Directive] = {}
    for table in catalog.tables.values():
        tables[table.name] = read(table.comment, f"table {table.name}")
        for column in (*table.columns.values(), *table.computed.values()):
            columns[table.name, column.name] = read(column.comment, f"column {table.name}.{column.name}")
        constraints |= _constraints(table, read)
    functions: dict[str, Directive] = {}
    for relation in (each for found in catalog.relations.values() for each in found):
        if relation.function is not None:
            functions[relation.constraint] = read(relation.comment, f"function {relation.constraint}")
        elif relation.holds_key and relation.comment is not None:
            place = f"constraint {relation.constraint} of {relation.source}"
            constraints[relation.source, relation.constraint] = read(relation.comment, place)
    for name, routines in catalog.routines.items():
        functions[name] = read(routines[0].comment, f"function {name}")
    return Directives(
        schema=read(catalog.comment, f"schema {catalog.schema}"),
        tables={name: each for name, each in tables.items() if each != NOTHING},
        columns={place: each for place, each in columns.items() if each != NOTHING},
        constraints=constraints,
        functions={name: each for name, each in functions.items() if each != NOTHING},
        enumerations={name: read(text, f"type {name}") for name, text in catalog.enumerations.items()},
        problems=tuple(dict.fromkeys(problems)),
    )


def _constraints(table: Table, read: Callable[[str | None, str], Directive]) -> dict[tuple[str, str], Directive]:
    found: dict[tuple[str, str], Directive] = {}
    for constraint in table.element.foreign_key_constraints:
        directive = read(constraint.comment, f"constraint {constraint.name} of {table.name}")
        if directive != NOTHING:
            columns = "_".join(constraint.column_keys)
            found[table.name, str(constraint.name or f"{table.name}_{columns}_fkey")] = directive
    return found


def _joined(these: Mapping[Any, Directive], others: Mapping[Any, Directive]) -> dict[Any, Directive]:
    return {key: these.get(key, NOTHING).over(others.get(key, NOTHING)) for key in (*others, *these)}


# --- the words of a directive ---


def _read(said: Mapping[str, Any]) -> tuple[Directive, str | None]:
    """The words that are understood; others are somebody else's. A wrong value is left out and told."""
    values: dict[str, Any] = {}
    problem = None
    for word, (name, reader) in _WORDS.items():
        if word not in said:
            continue
        try:
            values[name] = reader(said[word])
        except (ValueError, TypeError, KeyError, AttributeError):
            problem = f"the value of {json.dumps(word)} in @graphql(…) is none that it takes"
    return Directive(**values), problem


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    return value


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _switch(value: Any) -> bool:
    return _flag(value["enabled"])


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError
    return value


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError
    return tuple(_text(each) for each in value)


def _words(value: Any) -> dict[str, str]:
    return {_text(word): _text(name) for word, name in value.items()}


def _keys(value: Any) -> tuple[DirectedKey, ...]:
    if not isinstance(value, list):
        raise TypeError
    return tuple(_key(each) for each in value)


def _key(value: Any) -> DirectedKey:
    columns, others = _texts(value["local_columns"]), _texts(value["foreign_columns"])
    if len(columns) != len(others):
        raise ValueError
    local, foreign = value.get("local_name"), value.get("foreign_name")
    return DirectedKey(
        columns,
        _text(value["foreign_table"]),
        others,
        None if local is None else _text(local),
        None if foreign is None else _text(foreign),
    )


_WORDS: Mapping[str, tuple[str, Callable[[Any], Any]]] = {
    "name": ("name", _text),
    "description": ("description", _text),
    "local_name": ("local_name", _text),
    "foreign_name": ("foreign_name", _text),
    "primary_key_columns": ("primary_key", _texts),
    "foreign_keys": ("foreign_keys", _keys),
    "totalCount": ("total_count", _switch),
    "aggregate": ("aggregate", _switch),
    "max_rows": ("max_rows", _count),
    "inflect_names": ("inflect_names", _flag),
    "introspection": ("introspection", _flag),
    "resolve_base_type": ("resolve_base_type", _flag),
    "mappings": ("mappings", _words),
}
