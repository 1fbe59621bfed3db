"""A read of an existing database as one statement: (body, rows on the page, total or NULL, headers, status)."""

from __future__ import annotations

from undercroft.query.plan import ReadPlan
from undercroft.sql.database.answer import chosen_columns
from undercroft.sql.dialect import Dialect
from undercroft.sql.read import read_element, require_guard
from undercroft.sql.rows import Rendering
from undercroft.sql.statement import Statement, compile_statement


def write_database_read(plan: ReadPlan, dialect: Dialect, rendering: Rendering) -> Statement:
    """The statement of a read. Only plans that passed the guard are taken, here as everywhere."""
    require_guard(plan.node.guarded)
    return compile_statement(read_element(plan, dialect, rendering).add_columns(*chosen_columns()), dialect.sqlalchemy)
