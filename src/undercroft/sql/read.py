"""The one writer of reads: from a guarded plan to one statement that gives the whole body, and the counts beside it.

The row it gives is (body, rows on the page, total or NULL). Bodies are texts put together in the database.
"""

from __future__ import annotations

from typing import Any, cast

import sqlalchemy as sa

from undercroft.query.plan import ReadPlan
from undercroft.sql.dialect import Dialect
from undercroft.sql.rows import ReadWriter, Rendering
from undercroft.sql.statement import Handed, Statement, compile_statement

KEYS = "keys"
"""What a statement is handed by an earlier step: the keys of the rows it is about."""


def write_read(plan: ReadPlan, dialect: Dialect, rendering: Rendering) -> Statement:
    """The statement of a read. It takes only plans that passed the guard."""
    require_guard(plan.node.guarded)
    return compile_statement(read_element(plan, ReadWriter(dialect, rendering)), dialect.sqlalchemy)


def require_guard(guarded: bool) -> None:
    """The last wall: a plan without its policies is a fault of the program, and is never written."""
    if not guarded:
        raise AssertionError("a plan reached the SQL writer without passing the guard")


def read_element(plan: ReadPlan, writer: ReadWriter) -> sa.Select[Any]:
    """The statement of a read before it is compiled."""
    total = writer.total(plan.node) if plan.count else sa.null()
    if writer.rendering.body == "none":
        rows = writer.unseen(plan.node).subquery("r")
        counted: Any = sa.select(sa.null(), sa.func.count(), total)
        return cast("sa.Select[Any]", counted.select_from(rows))
    header, line = writer.line(plan.node)
    rows = writer.rows(plan.node, [line.label("j")], grouped=True).subquery("r")
    shown: Any = sa.select(writer.body(rows.c.j, header), sa.func.count(), total)
    return cast("sa.Select[Any]", shown.select_from(rows))


def write_read_of_rows(plan: ReadPlan, dialect: Dialect, rendering: Rendering) -> Statement:
    """A read of the rows whose primary keys are carried as `KEYS`, in their order."""
    require_guard(plan.node.guarded)
    node = plan.node
    writer = ReadWriter(dialect, rendering)
    primary = [node.source.c[column.name] for column in node.table.element.primary_key.columns]
    header, line = writer.line(node)
    each, join, position = dialect.among_rows(primary, Handed(KEYS, lambda given: (given.carried or {})[KEYS]))
    place = sa.func.min(position) if writer.aggregates(node) else position
    rows = writer.rows(node, [line.label("j")], grouped=True).select_from(each).where(join).order_by(place)
    lines = rows.subquery("r")
    total = writer.total(node, among=(each, join)) if plan.count else sa.null()
    shown = sa.select(writer.body(lines.c.j, header), sa.func.count(), total).select_from(lines)
    return compile_statement(shown, dialect.sqlalchemy)
