"""One question said twice: as requests of the data API, and as a document of GraphQL with its variables.

Both are made at once out of chance, from what the API is for a role. `rows_of` makes of a GraphQL answer what the data
API would have said: nothing but the objects around lists is taken away.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.api.scenario import Request, escaped
from tests.sameness.market import BEA_ID, CARL_ID
from tests.sameness.values import GOOD_TEXTS, Kinds
from undercroft.catalog.kinds import Kind
from undercroft.catalog.types import Relation
from undercroft.graphql.parts.describing.described import ColumnField, Described, RelationField, TableType
from undercroft.graphql.parts.describing.operators import aggregated

WHOLE = re.compile(r"-?(0|[1-9]\d{0,17})")
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
AS_TEXT = frozenset({"BigInt", "BigFloat", "JSON"})
"""Scalars that are texts in GraphQL."""
NARROW = {Kind.SMALLINT: 2**15, Kind.INTEGER: 2**31, Kind.BIGINT: 2**63}
COMPARED = {"eq": "eq", "neq": "neq", "gt": "gt", "gte": "gte", "lt": "lt", "lte": "lte"}
DIRECTIONS = {
    "AscNullsFirst": "asc.nullsfirst", "AscNullsLast": "asc.nullslast",
    "DescNullsFirst": "desc.nullsfirst", "DescNullsLast": "desc.nullslast",
}  # fmt: skip
PATTERNS = ("h%", "%a%", "%", "_%", "", "Hello World", "%é%", "__c", "%\\%%", "HELLO", "%\n%")


class Twice(NamedTuple):
    """One question: `parts` are the names of the document's root fields, each with the request that asks the same."""

    document: str
    variables: dict[str, Any]
    parts: tuple[Part, ...]


class Part(NamedTuple):
    """A root field. `shape` says what its answer is made of; `totals` whether it tells the number of all rows, and
    `figures` asks the aggregates, where it tells them."""

    name: str
    request: Request
    shape: Shape
    totals: bool
    figures: Request | None


@dataclass(frozen=True)
class Shape:
    """Where lists are in an answer, by name; with `reverse`, told from their end."""

    many: bool
    below: Mapping[str, Shape] = field(default_factory=dict)


def rows_of(shape: Shape, told: Any) -> Any:
    """What GraphQL told, as the data API does."""
    if told is None:
        return None
    if shape.many:
        return [_row_of(shape, edge["node"]) for edge in told["edges"]]
    return _row_of(shape, told)


def _row_of(shape: Shape, node: Mapping[str, Any]) -> dict[str, Any]:
    return {name: rows_of(shape.below[name], value) if name in shape.below else value for name, value in node.items()}


@dataclass
class _Level:
    """What is said of one table: the two selections side by side, and the parameters of the data API."""

    graphql: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)
    below: dict[str, Shape] = field(default_factory=dict)


class Asker:
    """Makes questions for one role out of chance."""

    def __init__(
        self,
        chance: random.Random,
        described: Described,
        texts: Callable[[ColumnField], Sequence[str]] | None = None,
        *,
        depth: int = 3,
    ) -> None:
        """`texts` gives values to ask a column with; by default those of the market. `depth` bounds the relations."""
        self._depth = depth
        self._chance = chance
        self._described = described
        self._texts = texts or texts_of
        self._tables = [each for each in described.tables.values() if each.readable]
        self._variables: dict[str, tuple[str, Any]] = {}
        self._fragments: list[str] = []

    def next(self) -> Twice:
        """The next question, of one to three parts."""
        self._variables, self._fragments = {}, []
        parts, fields = [], []
        for number in range(self._chance.choice((1, 1, 1, 2, 3))):
            text, part = self._root(self._chance.choice(self._tables), f"q{number}")
            fields.append(text)
            parts.append(part)
        text = f"{{ {' '.join(fields)} }} {' '.join(self._fragments)}"
        used = {name: self._variables[name] for name in dict.fromkeys(re.findall(r"\$(v\d+)", text))}
        declared = ", ".join(f"${name}: {type_}" for name, (type_, _) in used.items())
        document = f"query{f' ({declared})' if declared else ''} {text}"
        return Twice(document, {name: value for name, (_, value) in used.items()}, tuple(parts))

    def _maybe(self, share: float) -> bool:
        return self._chance.random() < share

    # --- collections ---

    def _root(self, table: TableType, name: str) -> tuple[str, Part]:
        parameters: list[str] = []
        totals = table.total_count and self._maybe(0.5)
        figures, asked = self._figures(table) if table.aggregate and self._maybe(0.2) else (None, "")
        text, level, rest, filtered = self._collection(table, name, "", self._depth, parameters)
        parameters.append(f"select={','.join(level.rest)}")
        extra = f"{' totalCount' if totals else ''}{asked}"
        headers = (("prefer", "count=exact"),) if totals else ()
        request = Request("GET", f"/rest/v1/{rest}?{'&'.join(parameters)}", headers)
        more = None
        if figures is not None:
            more = Request("GET", f"/rest/v1/{rest}?{'&'.join([f'select={figures}', *filtered])}")
        fields = f"{text.removesuffix('}')}{extra} }}"
        return fields, Part(name, request, Shape(True, level.below), totals, more)

    def _collection(
        self, table: TableType, alias: str, path: str, depth: int, parameters: list[str], field_name: str | None = None
    ) -> tuple[str, _Level, str, list[str]]:
        """A collection: its text, its level, the name of its table, and the parameters that are its filter."""
        arguments, filtered = [], []
        if self._maybe(0.6):
            said, meant = self._filter(table, 2)
            arguments.append(f"filter: {said}")
            filtered.append(f"{path}and=({escaped_tree(meant)})")
            parameters += filtered
        terms, order = self._order(table)
        if terms:
            arguments.append(f"orderBy: [{', '.join(terms)}]")
        parameters.append(f"{path}order={','.join(order)}")
        if self._maybe(0.4):
            first = self._chance.choice((0, 1, 2, 5, 30))
            arguments.append(f"first: {self._either('Int', first, str(first))}")
            parameters.append(f"{path}limit={first}")
        if self._maybe(0.2):
            offset = self._chance.choice((0, 1, 3, 50))
            arguments.append(f"offset: {self._either('Int', offset, str(offset))}")
            parameters.append(f"{path}offset={offset}")
        level = self._level(table, path, depth, parameters)
        said = f"({', '.join(arguments)})" if arguments else ""
        node = " ".join(level.graphql)
        if self._maybe(0.15):
            node = self._as_fragment(table, node)
        field_name = field_name or table.collection
        text = f"{alias}: {field_name}{said} {{ edges {{ node {{ {node} }} }} }}"
        return text, level, table.table.name, filtered

    def _as_fragment(self, table: TableType, node: str) -> str:
        """The same selection as a fragment, named or in its place."""
        if self._maybe(0.5):
            return f"... on {table.name} {{ {node} }}"
        name = f"F{len(self._fragments)}"
        self._fragments.append(f"fragment {name} on {table.name} {{ {node} }}")
        return f"...{name}"

    def _level(self, table: TableType, path: str, depth: int, parameters: list[str]) -> _Level:
        level, chance = _Level(), self._chance
        for number, told in enumerate(
            chance.sample(sorted(table.columns), min(len(table.columns), chance.randint(1, 5)))
        ):
            column = table.columns[told]
            name = f"x{number}" if self._maybe(0.2) else told
            level.graphql.append(told if name == told else f"{name}: {told}")
            cast = "::text" if column.type_ in AS_TEXT and not column.many else ""
            level.rest.append(f"{name}:{column.column.name}{cast}")
        wanted = chance.choice((0, 0, 1, 1, 2)) if depth else 0
        for told in chance.sample(sorted(table.relations), min(len(table.relations), wanted)):
            self._relation(table.relations[told], path, depth, parameters, level)
        return level

    def _relation(self, relation: RelationField, path: str, depth: int, parameters: list[str], level: _Level) -> None:
        target = self._described.tables[relation.target]
        name = f"y{len(level.below)}" if self._maybe(0.2) else relation.name
        below = f"{path}{name}."
        if relation.many:
            text, inner, _, _ = self._collection(target, name, below, depth - 1, parameters, relation.name)
        else:
            inner = self._level(target, below, depth - 1, parameters)
            text = f"{name}: {relation.name} {{ {' '.join(inner.graphql)} }}"
        level.graphql.append(text)
        level.rest.append(f"{name}:{_embedded(relation.relation)}({','.join(inner.rest)})")
        level.below[name] = Shape(relation.many, inner.below)

    def _order(self, table: TableType) -> tuple[list[str], list[str]]:
        """Terms of both, and the key behind them."""
        terms, order, seen = [], [], set()
        able = sorted(name for name, each in table.columns.items() if each.orderable)
        for told in self._chance.sample(able, min(len(able), self._chance.choice((0, 0, 1, 2)))):
            direction = self._chance.choice(list(DIRECTIONS))
            column = table.columns[told].column.name
            terms.append(f"{{{told}: {self._either('OrderByDirection', direction, direction)}}}")
            order.append(f"{column}.{DIRECTIONS[direction]}")
            seen.add(column)
        return terms, order + [f"{column}.asc" for column in table.key if column not in seen]

    def _figures(self, table: TableType) -> tuple[str, str]:
        """Aggregates over all rows of the filter, for both."""
        rest, said = ["count:count()"], ["count"]
        for function, fields in aggregated(table).items():
            exact = sorted(
                name for name, (each, _) in fields.items() if function in ("min", "max") or each.type_ != "Float"
            )
            if function == "avg" or not exact:
                continue
            told = self._chance.choice(exact)
            column, scalar = fields[told]
            as_text = function == "sum" or scalar in AS_TEXT
            said.append(f"{function} {{ {told} }}")
            rest.append(f"{function}:{column.column.name}.{function}(){'::text' if as_text else ''}")
        return ",".join(rest), f" aggregate {{ {' '.join(said)} }}"

    # --- filters ---

    def _filter(self, table: TableType, depth: int) -> tuple[str, list[str]]:
        """An object of GraphQL, and the terms of the data API that mean the same, to be joined by AND."""
        able = sorted(name for name, each in table.columns.items() if each.operators)
        members, meant = [], []
        for told in self._chance.sample(able, min(len(able), self._chance.choice((1, 1, 2)))):
            tests = [self._test(table.columns[told]) for _ in range(self._chance.choice((1, 1, 2)))]
            tests = list({said.partition(":")[0]: (said, term) for said, term in tests}.values())
            members.append(f"{told}: {{{', '.join(said for said, _ in tests)}}}")
            meant += [term for _, term in tests]
        if depth and self._maybe(0.35):
            word = self._chance.choice(("and", "or", "not"))
            if word == "not":
                said, terms = self._filter(table, depth - 1)
                members.append(f"not: {said}")
                meant.append(f"not.and({','.join(terms)})")
            else:
                each = [self._filter(table, depth - 1) for _ in range(self._chance.choice((1, 2, 3)))]
                members.append(f"{word}: [{', '.join(said for said, _ in each)}]")
                trees = [f"and({','.join(terms)})" for _, terms in each]
                meant.append(f"{word}({','.join(trees)})")
        return f"{{{', '.join(members)}}}", meant

    def _test(self, column: ColumnField) -> tuple[str, str]:
        """One operator with its value."""
        name = column.column.name
        operator = self._chance.choice([each for each in column.operators if each not in ("regex", "iregex")])
        if operator == "is":
            word = self._chance.choice(("NULL", "NOT_NULL"))
            test = "is.null" if word == "NULL" else "not.is.null"
            return f"is: {self._either('FilterIs', word, word)}", f"{name}.{test}"
        if operator in ("like", "ilike"):
            pattern = self._chance.choice(PATTERNS)
            return f"{operator}: {self._text(pattern)}", f"{name}.{operator}.{_quoted(pattern)}"
        if operator == "startsWith":
            start = self._chance.choice(("h", "", "He", "%", "_", "a\\", "é", "Z*"))
            # The data API has no such operator; a star would be its own there.
            shown = re.sub(r"([\\%_])", r"\\\1", start)
            if "*" in start:
                return self._test(column)
            return f"startsWith: {self._text(start)}", f"{name}.like.{_quoted(shown + '%')}"
        if operator == "in":
            values = [self._value(column) for _ in range(self._chance.choice((0, 1, 2, 3)))]
            said = self._either(
                f"[{column.type_}!]", [each for _, each, _ in values], f"[{', '.join(v for v, _, _ in values)}]"
            )
            members = ",".join(_quoted(text) for _, _, text in values)
            return f"in: {said}", f"{name}.in.({members})"
        if operator not in COMPARED or column.many:
            return "is: NOT_NULL", f"{name}.not.is.null"
        literal, value, text = self._value(column)
        said = self._either(column.type_, value, literal)
        return f"{operator}: {said}", f"{name}.{COMPARED[operator]}.{_quoted(text)}"

    def _value(self, column: ColumnField) -> tuple[str, Any, str]:
        """A value: as a literal, as a variable, and as a text of the data API."""
        chance = self._chance
        if column.enumeration is not None:
            name = chance.choice(sorted(column.enumeration.words))
            return name, name, column.enumeration.words[name]
        if column.type_ == "Boolean":
            truth = chance.random() < 0.5
            return ("true", True, "true") if truth else ("false", False, "false")
        text = chance.choice(self._texts(column))
        if column.type_ == "Int":
            return text, int(text), text
        if column.type_ == "Float":
            return text, float(text), text
        return json.dumps(text), text, text

    def _text(self, text: str) -> str:
        return self._either("String", text, json.dumps(text))

    def _either(self, type_: str, value: Any, literal: str) -> str:
        """A value in its place, or as a variable."""
        if self._maybe(0.5):
            return literal
        name = f"v{len(self._variables)}"
        self._variables[name] = (type_, value)
        return f"${name}"


def _quoted(text: str) -> str:
    """A value of the data API between quotes, where a backslash makes any character itself."""
    escaped_text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped_text}"'


def _embedded(relation: Relation) -> str:
    """How the data API is told which relation is meant."""
    if relation.junction is not None:
        return f"{relation.target}!{relation.junction.table}"
    if relation.is_self and relation.to_one:
        return relation.pairs[0][0]  # by its column; the constraint would mean the other way
    return f"{relation.target}!{relation.constraint}"


def texts_of(column: ColumnField) -> Sequence[str]:
    """Values of the market to ask a column with."""
    kind = column.column.kind
    match column.type_:
        case "Int" | "BigInt":
            most = NARROW.get(kind, 2**31)
            return [each for each in GOOD_TEXTS[Kinds.number] if WHOLE.fullmatch(each) and -most <= int(each) < most]
        case "Float":
            return [each for each in GOOD_TEXTS[Kinds.float] if NUMBER.fullmatch(each)]
        case "BigFloat":
            return [each for each in GOOD_TEXTS[Kinds.decimal] if NUMBER.fullmatch(each)]
        case "UUID":
            return [*GOOD_TEXTS[Kinds.uuid], BEA_ID, CARL_ID]
        case "Date":
            return GOOD_TEXTS[Kinds.day]
        case "Time":
            return GOOD_TEXTS[Kinds.hour]
        case "Datetime":
            return GOOD_TEXTS[Kinds.moment]
        case "Opaque":
            return GOOD_TEXTS[Kinds.span if kind is Kind.INTERVAL else Kinds.bytes]
        case _:
            return GOOD_TEXTS[Kinds.text]


def escaped_tree(terms: Sequence[str]) -> str:
    """Terms of a logic tree as they may stand in a query string."""
    return escaped(",".join(terms))
