"""From an operation of a document to asks: what a query reads, and the steps of a mutation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from graphql.language import FragmentDefinitionNode, OperationDefinitionNode

from undercroft.graphql.parts.asks.conditions import order_of
from undercroft.graphql.parts.asks.fields import Asked, Collector
from undercroft.graphql.parts.asks.given import Given, Leaf, Recipe, Slots, absent_in, is_null, listed, plain
from undercroft.graphql.parts.asks.refusals import (
    empty_input,
    nested_upsert,
    no_filter_value,
    twice_records,
    unknown_node,
)
from undercroft.graphql.parts.asks.selecting import TYPENAME, Selecting
from undercroft.graphql.parts.asks.texts import payload_value
from undercroft.graphql.parts.asks.tokens import read_token
from undercroft.graphql.parts.asks.trees import Tree, row_of, tree_of
from undercroft.graphql.parts.describing.described import Described, FunctionField, TableType
from undercroft.graphql.parts.documents.limits import MOST_ROWS, too_many
from undercroft.query.ask import Ask, Question, QuestionsAsk, ReadAsk, SelectItem, TellWord, WriteAsk

INTROSPECTION = frozenset({"__schema", "__type"})


class Calling(NamedTuple):
    """A function that is called: its arguments by their own names, and what is asked of the records that it gives."""

    key: str
    field: FunctionField
    arguments: Mapping[str, Any]
    ask: Ask | None
    recipe: Recipe


@dataclass(frozen=True, slots=True)
class QueryAsked:
    """What a query asks: of the data, in one statement; of functions; and of the schema."""

    questions: QuestionsAsk
    recipe: Recipe
    calls: tuple[Calling, ...] = ()
    introspects: tuple[Asked, ...] = ()
    keys: tuple[str, ...] = ()
    """The members of the answer, in order."""


class WriteStep(NamedTuple):
    """A write that a mutation asks for."""

    key: str
    kind: Literal["Insert", "Update", "Delete"]
    table: TableType
    ask: WriteAsk
    rows: list[dict[str, Any]]
    at_most: int | None
    members: tuple[tuple[str, str], ...]
    """(name in the answer, `affectedCount`, `records` or `__typename`)"""
    recipe: Recipe
    trees: tuple[Tree, ...] = ()
    """The rows of an insert with those that belong to them, where there are any."""


class WordStep(NamedTuple):
    """A member of a mutation's answer that is always the same."""

    key: str
    text: str


Step = WriteStep | WordStep | Calling


class Fields:
    """What the fields of `Query` and `Mutation` mean for one role."""

    def __init__(self, described: Described) -> None:
        self.described = described
        readable = [table for table in described.tables.values() if table.readable]
        self.collections = {table.collection: table for table in readable}
        self.by_table = {table.table.name: table for table in readable}
        self.writes: dict[str, tuple[Literal["Insert", "Update", "Delete"], TableType]] = {}
        for table in described.tables.values():
            if table.inserts is not None:
                self.writes[f"insertInto{table.name}Collection"] = ("Insert", table)
            if table.updates is not None:
                self.writes[f"update{table.name}Collection"] = ("Update", table)
            if table.deletes:
                self.writes[f"deleteFrom{table.name}Collection"] = ("Delete", table)


class Asking:
    """Turns one validated operation into asks, for the variables of one request."""

    def __init__(
        self,
        fields: Fields,
        fragments: Mapping[str, FragmentDefinitionNode],
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> None:
        """`variables` are coerced by their types."""
        self._fields = fields
        self._operation = operation
        self._collector = Collector(fragments, variables)
        self._variables = variables
        self._described = fields.described

    # --- queries ---

    def query(self) -> QueryAsked:
        """What a query asks. Raises `GraphqlFault`, and what reading its values raises."""
        slots = Slots()
        members: list[Question | TellWord] = []
        calls: list[Calling] = []
        introspects: list[Asked] = []
        fields = self._collector.fields([self._operation.selection_set], ("Query",))
        for asked in fields:
            if asked.name in INTROSPECTION:
                introspects.append(asked)
            elif asked.name in self._described.functions:
                calls.append(self._call(self._described.functions[asked.name], asked))
            else:
                members.append(self._question(asked, slots))
        keys = tuple(asked.key for asked in fields)
        return QueryAsked(QuestionsAsk(tuple(members)), slots.recipe(), tuple(calls), tuple(introspects), keys)

    def _question(self, asked: Asked, slots: Slots) -> Question | TellWord:
        if asked.name == TYPENAME:
            return TellWord(asked.key, "Query")
        selecting = Selecting(self._described, self._collector, slots)
        if asked.name == "node":
            return self._node(asked, selecting)
        table = self._fields.collections[asked.name]
        return Question(asked.key, ReadAsk(table.table.name, selecting.collection(table, asked)))

    def _node(self, asked: Asked, selecting: Selecting) -> Question:
        given = self._collector.arguments(asked)["nodeId"]
        members = read_token(plain(given))
        table = self._fields.by_table.get(members[1] or "") if len(members) > 2 else None  # schema, table, key
        if table is None or members[0] != self._described.schema or not isinstance(given, Leaf):
            raise unknown_node()
        ask = Ask(selecting.record(table, asked.selections), tuple(selecting.conditions.keyed(table, given)))
        return Question(asked.key, ReadAsk(table.table.name, ask), single=True)

    def _call(self, field: FunctionField, asked: Asked) -> Calling:
        slots = Slots()
        selecting = Selecting(self._described, self._collector, slots)
        given = self._collector.arguments(asked)
        arguments = {
            each.argument: payload_value(each.type_, plain(given[name]), many=each.many)
            for name, each in field.arguments.items()
            if name in given
        }
        ask = None
        if field.returns == "records":
            ask = selecting.collection(self._described.tables[field.type_], asked)
        elif field.returns == "record":
            ask = Ask(selecting.record(self._described.tables[field.type_], asked.selections))
        return Calling(asked.key, field, arguments, ask, slots.recipe())

    # --- mutations ---

    def mutation(self) -> list[Step]:
        """The steps of a mutation, in order. Raises `GraphqlFault`, and what reading its values raises."""
        fields = self._collector.fields([self._operation.selection_set], ("Mutation",))
        return [self._step(asked) for asked in fields]

    def _step(self, asked: Asked) -> Step:
        if asked.name == TYPENAME:
            return WordStep(asked.key, "Mutation")
        if asked.name in self._described.functions:
            return self._call(self._described.functions[asked.name], asked)
        kind, table = self._fields.writes[asked.name]
        slots = Slots()
        selecting = Selecting(self._described, self._collector, slots)
        given = self._collector.arguments(asked)
        members, select = self._response(kind, table, asked, selecting)
        returning: Literal["rows"] | None = "rows" if select is not None else None
        if kind == "Insert":
            objects = listed(given["objects"])
            if len(objects) > MOST_ROWS:
                raise too_many("objects", MOST_ROWS)
            trees = tuple(tree_of(self._described, table, each) for each in objects)
            if not trees:
                raise empty_input("objects")
            rows = [tree.row for tree in trees]
            ask = self._insert(table, given, rows, select or (), returning)
            nested = trees if not all(tree.is_bare for tree in trees) else ()
            if nested and ask.verb == "upsert":
                raise nested_upsert()
            return WriteStep(asked.key, kind, table, ask, rows, None, members, slots.recipe(), nested)
        self._check_filter(asked)
        order = tuple(term.asked for term in order_of(table, None))  # the same on every engine
        shown = Ask(select or (), selecting.conditions.of(table, given.get("filter")), order)
        at_most = plain(given["atMost"]) if "atMost" in given else 1
        if kind == "Delete":
            ask = WriteAsk(table.table.name, "delete", shown, returning=returning)
            return WriteStep(asked.key, kind, table, ask, [], at_most, members, slots.recipe())
        row = row_of(table.updates or {}, given["set"])
        if not row:
            raise empty_input("set")
        ask = WriteAsk(table.table.name, "update", shown, columns=tuple(row), returning=returning)
        return WriteStep(asked.key, kind, table, ask, [row], at_most, members, slots.recipe())

    def _insert(
        self,
        table: TableType,
        given: Mapping[str, Given],
        rows: list[dict[str, Any]],
        select: tuple[SelectItem, ...],
        returning: Literal["rows"] | None,
    ) -> WriteAsk:
        columns = tuple(dict.fromkeys(name for row in rows for name in row))
        name, shown = table.table.name, Ask(select)
        conflict = given.get("onConflict")
        if is_null(conflict) or not isinstance(conflict, dict):
            return WriteAsk(name, "insert", shown, columns, missing_default=True, returning=returning)
        said = plain(conflict)
        updates = tuple((table.inserts or {})[field].column.name for field in said.get("updateColumns") or ())
        return WriteAsk(
            name,
            "upsert",
            shown,
            columns,
            on_conflict=table.constraints[said["constraint"]],
            resolution="merge" if updates else "ignore",
            missing_default=True,
            returning=returning,
            updates=updates or None,
        )

    def _response(
        self, kind: str, table: TableType, asked: Asked, selecting: Selecting
    ) -> tuple[tuple[tuple[str, str], ...], tuple[SelectItem, ...] | None]:
        fields = self._collector.fields(asked.selections, (f"{table.name}{kind}Response",))
        records = [each for each in fields if each.name == "records"]
        if len(records) > 1:
            raise twice_records()
        select = selecting.record(table, records[0].selections) if records else None
        return tuple((each.key, each.name) for each in fields), select

    def _check_filter(self, asked: Asked) -> None:
        """A filter that lacks a variable would say less than was meant, and let more be written."""
        for argument in asked.nodes[0].arguments or ():
            if argument.name.value == "filter":
                for name in absent_in(argument.value, self._variables):
                    raise no_filter_value(name)
