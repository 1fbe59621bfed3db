"""The one writer of reads: from a guarded plan to one statement that gives the whole body, and the counts beside it.

The row it gives is (body, rows on the page, total or NULL). Bodies are texts put together in the database.
"""

from __future__ import annotations

from typing import Any, cast

import sqlalchemy as sa

from undercroft.query.plan import ReadPlan
from undercroft.sql.dialect import Dialect
from undercroft.sql.rows import ReadWriter, Rendering
from undercroft.sql.statement import Statement, compile_statement


def write_read(plan: ReadPlan, dialect: Dialect, rendering: Rendering) -> Statement:
    """The statement of a read. It takes only plans that passed the guard."""
    require_guard(plan.node.guarded)
    return compile_statement(read_element(plan, dialect, rendering), dialect.sqlalchemy)


def require_guard(guarded: bool) -> None:
    """The last wall: a plan without its policies is a fault of the program, and is never written."""
    if not guarded:
        raise AssertionError("a plan reached the SQL writer without passing the guard")


def read_element(plan: ReadPlan, dialect: Dialect, rendering: Rendering) -> sa.Select[Any]:
    """The statement of a read before it is compiled."""
    writer = ReadWriter(dialect, rendering)
    total = writer.total(plan.node) if plan.count else sa.null()
    if rendering.body == "none":
        rows = writer.rows(plan.node, [sa.literal_column("1").label("j")]).subquery("r")
        counted: Any = sa.select(sa.null(), sa.func.count(), total)
        return cast("sa.Select[Any]", counted.select_from(rows))
    header, line = writer.line(plan.node)
    rows = writer.rows(plan.node, [line.label("j")], grouped=True).subquery("r")
    shown: Any = sa.select(writer.body(rows.c.j, header), sa.func.count(), total)
    return cast("sa.Select[Any]", shown.select_from(rows))
