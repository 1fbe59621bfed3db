"""A call of a function as one statement: (body or NULL, rows, total or NULL, headers, status).

The function is called once, whatever is asked of its result. Arguments given as texts, or as JSON, become parameters
that the database reads by the types that the function declares.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

import sqlalchemy as sa

from undercroft.catalog.kinds import Kind, Named
from undercroft.catalog.types import Argument, Routine
from undercroft.query.calls import CALLED, RESULT, CallPlan
from undercroft.query.computed import call
from undercroft.query.plan import Node, Output
from undercroft.sql.database.answer import chosen_columns
from undercroft.sql.database.rows import DatabaseReadWriter
from undercroft.sql.dialect import Dialect, Expression
from undercroft.sql.postgres.texts import array_of
from undercroft.sql.rows import Rendering, require_guard
from undercroft.sql.statement import Fetch, Handed, Statement, compile_statement
from undercroft.sql.telling import tell

ARGUMENTS = "arguments"
"""What a call is handed beside its values: the texts by name, the text of the JSON object, or the whole body (bytes for
one of bytea)."""


def argument_texts(routine: Routine, given: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Arguments of a URL or a form by name. The last one of a name counts; of a variadic argument all do, together."""
    variadic = {each.name for each in routine.arguments if each.variadic}
    texts: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    for name, text in given:
        if name in variadic:
            lists.setdefault(name, []).append(text)
        else:
            texts[name] = text
    return texts | {name: array_of(members, str) for name, members in lists.items()}


def write_database_call(plan: CallPlan, dialect: Dialect, rendering: Rendering) -> Statement:
    """The statement of a call. Only plans that passed the guard are taken, here as everywhere."""
    require_guard(plan.node.guarded)
    return compile_statement(_element(plan, dialect, rendering), dialect.sqlalchemy)


def _element(plan: CallPlan, dialect: Dialect, rendering: Rendering) -> sa.Select[Any]:
    writer = DatabaseReadWriter(dialect, rendering)
    total = writer.total(plan.node) if plan.count else sa.null()
    called = _call(plan).cte(CALLED)
    if plan.node.telling is not None:
        told: Any = sa.select(tell(writer, plan.node), sa.literal_column("1"), total, *chosen_columns())
        return cast("sa.Select[Any]", told.add_cte(called))
    if rendering.body == "none" or plan.routine.is_void:
        rows = writer.unseen(plan.node).subquery("r")
        shown: Any = sa.select(sa.null(), sa.func.count(), total, *chosen_columns())
    else:
        header, line = _line(plan, writer)
        rows = writer.rows(plan.node, [line.label("j")], grouped=True).subquery("r")
        shown = sa.select(writer.body(rows.c.j, header), sa.func.count(), total, *chosen_columns())
    return cast("sa.Select[Any]", shown.select_from(rows).add_cte(called))


def _line(plan: CallPlan, writer: DatabaseReadWriter) -> tuple[Expression | None, Expression]:
    """A row of the result as text; a single value stands by itself."""
    if writer.rendering.handler is not None and plan.routine.rows is None:
        return None, plan.node.source.c[RESULT]
    if plan.routine.rows is not None or writer.rendering.body == "csv" or not _is_bare(plan.node):
        return writer.line(plan.node)
    return None, next(iter(writer.pieces(plan.node))).value


def _is_bare(node: Node) -> bool:
    """Nothing was asked of a single value but itself."""
    outputs = node.outputs
    return len(outputs) == 1 and isinstance(outputs[0], Output) and outputs[0].name == RESULT


# --- the call ---


def _call(plan: CallPlan) -> sa.Select[Any]:
    """The function as a source, and all that it gives."""
    before: list[sa.FromClause] = []
    if plan.form == "json" and plan.arguments:
        record = _record(plan.arguments)
        before.append(record)
        arguments = [_by_name(each, record.c[each.name]) for each in plan.arguments]
    elif plan.form == "body":
        arguments = [sa.cast(Handed("body", _body_of(plan.arguments[0])), _type_of(plan.arguments[0]))]
    else:
        arguments = [
            _by_name(each, sa.cast(Handed("argument", _text_of(each.name)), _type_of(each))) for each in plan.arguments
        ]
    function: Any = call(plan.routine.name, arguments)
    if plan.routine.rows is None:
        # In a subquery of its own it is one value even where PostgreSQL would want a list of columns: a record.
        inner = sa.select(function.label(RESULT)).correlate(*before)
        given: Any = inner.lateral("f") if before else inner.subquery("f")
        return sa.select(given.c[RESULT]).select_from(*before, given)
    given = function.table_valued(*plan.routine.rows.columns).alias("f")
    return sa.select(sa.literal_column("f.*")).select_from(*before, given)


def _record(arguments: Iterable[Argument]) -> Any:
    """The members of the JSON object, each read as its argument's type."""
    body = sa.cast(Handed("arguments", _arguments), Named("json", Kind.JSON))
    members = [sa.column(each.name, _type_of(each)) for each in arguments]
    record: Any = sa.func.json_to_record(body)
    return record.table_valued(*members, name="given").render_derived(with_types=True)


def _by_name(argument: Argument, value: Expression) -> Expression:
    """`"name" => value`."""
    name = '"' + argument.name.replace('"', '""') + '"'
    word = f"VARIADIC {name}" if argument.variadic else name
    named: Expression = sa.literal_column(word).op("=>")(value)
    return named


def _type_of(argument: Argument) -> Named:
    return Named(argument.cast, argument.kind)


def _arguments(given: Any) -> object:
    return (given.carried or {})[ARGUMENTS]


def _text_of(name: str) -> Fetch:
    def fetch(given: Any) -> object:
        texts: Mapping[str, str] = (given.carried or {})[ARGUMENTS]
        return texts[name]

    return fetch


def _body_of(argument: Argument) -> Fetch:
    if argument.kind is not Kind.BYTES:
        return _arguments

    def fetch(given: Any) -> object:
        body: bytes = (given.carried or {})[ARGUMENTS]
        return "\\x" + body.hex()

    return fetch
