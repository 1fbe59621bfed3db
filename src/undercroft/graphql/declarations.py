"""The verb of an app file for GraphQL: what comments (`@graphql({...})`) say, said in Python."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

from undercroft.base.faults import SetupFault, closest
from undercroft.catalog.types import Catalog
from undercroft.graphql.parts.describing.directives import NOTHING, Directive, Directives
from undercroft.graphql.parts.describing.naming import RESERVED_WORDS, is_name
from undercroft.graphql.parts.describing.scalars import words_of
from undercroft.models.declarations import column_of, table_of
from undercroft.models.functions import Function

_OF_TABLES = frozenset({"name", "description", "total_count", "aggregate", "max_rows", "primary_key", "expose"})
_OF_OTHERS = frozenset({"name", "description", "expose"})
_OF_RELATIONSHIPS = frozenset({"name", "expose"})
_OF_ENUMERATIONS = frozenset({"name", "description", "mappings"})


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What was said of something, and where."""

    what: Any
    directive: Directive
    place: str


class GraphqlDeclarations:
    """What an app declared of GraphQL, in the order of its file."""

    def __init__(self) -> None:
        super().__init__()
        self.graphql_said: list[Said] = []

    def graphql(
        self,
        what: Any,
        *,
        name: str | None = None,
        description: str | None = None,
        expose: bool | None = None,
        total_count: bool | None = None,
        aggregate: bool | None = None,
        max_rows: int | None = None,
        primary_key: Iterable[Any] = (),
        mappings: Mapping[str, str] | None = None,
    ) -> None:
        """Say how something stands in the GraphQL API: a model or table, a column, a relationship, a function of
        `@app.rpc`, or an enumeration. What is left out is as it would be; it wins over what a comment says.

        Args:
            name: of its type or field.
            description: what the schema says of it.
            expose: False leaves it out.
            total_count: of a table: whether collections have `totalCount`.
            aggregate: of a table: whether collections have `aggregate`.
            max_rows: of a table: rows of a page.
            primary_key: of a view: the columns, or their names, by which a row is known.
            mappings: of an enumeration: GraphQL's names by the words of the database.

        Raises:
            SetupFault: for a name that GraphQL does not have, or what is not for this; it names the line.
        """
        frame = sys._getframe(1)
        place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        key = tuple(each if isinstance(each, str) else column_of(each).name for each in primary_key)
        directive = Directive(
            name=name,
            description=description,
            expose=expose,
            total_count=total_count,
            aggregate=aggregate,
            max_rows=max_rows,
            primary_key=key,
            mappings=dict(mappings or {}),
        )
        _check(directive, place)
        self.graphql_said.append(Said(what, directive, place))


def _check(directive: Directive, place: str) -> None:
    names = [directive.name] if directive.name is not None else []
    for name in (*names, *directive.mappings.values()):
        if not is_name(name) or name in RESERVED_WORDS:
            raise SetupFault(
                f"{place}: {name!r} is no name in GraphQL",
                hint="Letters, digits and underscores, without two underscores or a digit in front.",
            )
    if directive.max_rows is not None and directive.max_rows < 1:
        raise SetupFault(f"{place}: max_rows is 1 or more")


def said_directives(said: Iterable[Said], catalog: Catalog, functions: Iterable[Function] = ()) -> Directives:
    """What an app's file says. Raises `SetupFault`, with the place, for what is not there or not for this."""
    found = _Found(catalog, {function.run: function.name for function in functions})
    for each in said:
        try:
            found.add(each)
        except SetupFault as fault:
            message = fault.message if fault.message.startswith(each.place) else f"{each.place}: {fault.message}"
            raise SetupFault(message, hint=fault.hint) from None
    return Directives(
        tables=found.tables,
        columns=found.columns,
        relationships=found.relationships,
        functions=found.functions,
        enumerations=found.enumerations,
    )


class _Found:
    def __init__(self, catalog: Catalog, functions: Mapping[Callable[..., Any], str]) -> None:
        self.catalog = catalog
        self.known = functions
        self.tables: dict[str, Directive] = {}
        self.columns: dict[tuple[str, str], Directive] = {}
        self.relationships: dict[tuple[str, str], Directive] = {}
        self.functions: dict[str, Directive] = {}
        self.enumerations: dict[str, Directive] = {}

    def add(self, said: Said) -> None:
        what, directive = said.what, said.directive
        attribute = getattr(what, "property", None)
        if isinstance(what, type) and issubclass(what, Enum):
            self._words(what, directive)
            _put(self.enumerations, what.__name__, directive)
        elif inspect.iscoroutinefunction(what):
            if what not in self.known:
                raise SetupFault(f"{what.__name__} is no function of this app", hint="Declare it by @app.rpc first.")
            _takes(directive, _OF_OTHERS, "a function")
            _put(self.functions, self.known[what], directive)
        elif getattr(attribute, "strategy_wildcard_key", None) == "relationship":
            self._relationship(attribute, directive)
        elif attribute is not None or hasattr(what, "table"):
            self._column(what, directive)
        else:
            self._table(what, directive)

    def _table(self, what: Any, directive: Directive) -> None:
        name = table_of(what).name
        table = self.catalog.tables.get(name)
        if table is None or table.element is not table_of(what):
            raise SetupFault(f"{name} is no table of this app's API")
        _takes(directive, _OF_TABLES, "a table")
        unknown = [each for each in directive.primary_key if each not in table.columns]
        if unknown:
            raise SetupFault(f"{name} has no column {unknown[0]}")
        if directive.primary_key and table.primary_key:
            raise SetupFault(f"{name} has a primary key: {', '.join(table.primary_key)}")
        _put(self.tables, name, directive)

    def _column(self, what: Any, directive: Directive) -> None:
        column = column_of(what)
        table = self.catalog.tables.get(column.table.name)
        if table is None or column.name not in table.columns:
            raise SetupFault(f"{column} is no column of this app's API")
        _takes(directive, _OF_OTHERS, "a column")
        _put(self.columns, (table.name, column.name), directive)

    def _relationship(self, attribute: Any, directive: Directive) -> None:
        table, key = attribute.parent.local_table.name, attribute.key
        relations = self.catalog.relations.get(table, ())
        if not any(key in relation.names for relation in relations):
            raise SetupFault(f"{attribute} follows no foreign key: GraphQL does not have it")
        _takes(directive, _OF_RELATIONSHIPS, "a relationship")
        _put(self.relationships, (table, key), directive)

    def _words(self, what: type[Enum], directive: Directive) -> None:
        _takes(directive, _OF_ENUMERATIONS, "an enumeration")
        columns = [column for table in self.catalog.tables.values() for column in table.columns.values()]
        words = {
            word
            for column in columns
            if getattr(column.element.type, "enum_class", None) is what
            for word in words_of(column)
        }
        if not words:
            raise SetupFault(f"no column holds values of {what.__name__}")
        for word in directive.mappings:
            if word not in words:
                near = closest(word, words)
                raise SetupFault(
                    f"{what.__name__} has no value {word!r}" + (f' (did you mean "{near}"?)' if near else "")
                )


def _takes(directive: Directive, words: frozenset[str], what: str) -> None:
    said = [name for name in Directive.__slots__ if getattr(directive, name) != getattr(NOTHING, name)]
    wrong = [name for name in said if name not in words]
    if wrong:
        raise SetupFault(f"{wrong[0]} is not for {what}", hint=f"For {what}: {', '.join(sorted(words))}.")


def _put(found: dict[Any, Directive], key: Any, directive: Directive) -> None:
    """What is said later goes over what was said before."""
    found[key] = directive.over(found[key]) if key in found else replace(directive)
