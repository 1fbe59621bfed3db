"""The one writer of reads: from a guarded plan to one statement that gives the whole body, and the counts beside it.

The row it gives is (body, rows on the page, total or NULL). Bodies are texts put together in the database.
"""

from __future__ import annotations

from typing import Any, cast

import sqlalchemy as sa

from undercroft.query.ask import TellWord
from undercroft.query.plan import QuestionPlan, QuestionsPlan, ReadPlan
from undercroft.sql.dialect import Dialect, Expression
from undercroft.sql.pieces import word_text
from undercroft.sql.rows import AS_ASKED, ReadWriter, Rendering, require_guard
from undercroft.sql.statement import Handed, Statement, compile_statement
from undercroft.sql.telling import Around, tell
from undercroft.sql.text import concat, key_of, text_literal

KEYS = "keys"
"""What a statement is handed by an earlier step: the keys of the rows it is about."""


def write_read(plan: ReadPlan, dialect: Dialect, rendering: Rendering) -> Statement:
    """The statement of a read. It takes only plans that passed the guard."""
    require_guard(plan.node.guarded)
    return compile_statement(read_element(plan, ReadWriter(dialect, rendering)), dialect.sqlalchemy)


def read_element(plan: ReadPlan, writer: ReadWriter) -> sa.Select[Any]:
    """The statement of a read before it is compiled."""
    total = writer.total(plan.node) if plan.count else sa.null()
    if plan.node.telling is not None:
        told: Any = sa.select(tell(writer, plan.node), sa.literal_column("1"), total)
        return cast("sa.Select[Any]", told)
    if writer.rendering.body == "none":
        rows = writer.unseen(plan.node).subquery("r")
        counted: Any = sa.select(sa.null(), sa.func.count(), total)
        return cast("sa.Select[Any]", counted.select_from(rows))
    header, line = writer.line(plan.node)
    rows = writer.rows(plan.node, [line.label("j")], grouped=True).subquery("r")
    shown: Any = sa.select(writer.body(rows.c.j, header), sa.func.count(), total)
    return cast("sa.Select[Any]", shown.select_from(rows))


def write_questions(plan: QuestionsPlan, dialect: Dialect) -> Statement:
    """The statement that answers several reads as one object; its row is as that of a read, with one row."""
    return compile_statement(questions_element(plan, ReadWriter(dialect, AS_ASKED)), dialect.sqlalchemy)


def questions_element(plan: QuestionsPlan, writer: ReadWriter) -> sa.Select[Any]:
    """The same before it is compiled."""
    parts: list[Expression] = []
    for index, member in enumerate(plan.members):
        value = word_text(member.text) if isinstance(member, TellWord) else _answer(member, writer)
        parts += [text_literal("," if index else "{"), key_of(member.name, bound=True), value]
    body = concat([*parts, text_literal("}")]) if parts else text_literal("{}")
    answer: Any = sa.select(body, sa.literal_column("1"), sa.null())
    return cast("sa.Select[Any]", answer)


def _answer(question: QuestionPlan, writer: ReadWriter) -> Expression:
    node = question.node
    require_guard(node.guarded)
    if node.telling is not None:
        return tell(writer, node)
    if not question.single:
        return writer.list_of(writer.rows(node, [writer.object(node).label("j")], grouped=True))
    row = writer.rows(node, [writer.object(node)], grouped=True).limit(sa.literal_column("1"))
    return sa.func.coalesce(row.scalar_subquery(), text_literal("null"))


def write_read_of_rows(plan: ReadPlan, dialect: Dialect, rendering: Rendering) -> Statement:
    """A read of the rows whose primary keys are carried as `KEYS`, in their order."""
    require_guard(plan.node.guarded)
    node = plan.node
    writer = ReadWriter(dialect, rendering)
    primary = [node.source.c[column.name] for column in node.table.element.primary_key.columns]
    each, join, position = among = dialect.among_rows(primary, Handed(KEYS, lambda given: (given.carried or {})[KEYS]))
    if node.telling is not None:
        told = tell(writer, node, Around(among=among))
        return compile_statement(sa.select(told, sa.literal_column("1"), sa.null()), dialect.sqlalchemy)
    header, line = writer.line(node)
    place = sa.func.min(position) if writer.aggregates(node) else position
    rows = writer.rows(node, [line.label("j")], grouped=True).select_from(each).where(join).order_by(place)
    lines = rows.subquery("r")
    total = writer.total(node, among=(each, join)) if plan.count else sa.null()
    shown = sa.select(writer.body(lines.c.j, header), sa.func.count(), total).select_from(lines)
    return compile_statement(shown, dialect.sqlalchemy)
