"""A read of an existing database as one statement: (body, rows on the page, total or NULL, headers, status)."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from undercroft.query.plan import QuestionsPlan, ReadPlan
from undercroft.sql.database.answer import chosen_columns
from undercroft.sql.database.explain import Explained, explained
from undercroft.sql.database.rows import DatabaseReadWriter
from undercroft.sql.dialect import Dialect
from undercroft.sql.read import questions_element, read_element
from undercroft.sql.rows import AS_ASKED, Rendering, require_guard
from undercroft.sql.statement import Statement, compile_statement


def write_database_read(plan: ReadPlan, dialect: Dialect, rendering: Rendering) -> Statement:
    """The statement of a read. Only plans that passed the guard are taken, here as everywhere."""
    require_guard(plan.node.guarded)
    element = read_element(plan, DatabaseReadWriter(dialect, rendering)).add_columns(*chosen_columns())
    return compile_statement(element, dialect.sqlalchemy)


def write_database_questions(plan: QuestionsPlan, dialect: Dialect) -> Statement:
    """The statement that answers several reads as one object; its row is as that of a read, with one row."""
    element = questions_element(plan, DatabaseReadWriter(dialect, AS_ASKED)).add_columns(*chosen_columns())
    return compile_statement(element, dialect.sqlalchemy)


def write_database_estimate(plan: ReadPlan, dialect: Dialect) -> Statement:
    """The statement that asks the planner how many rows it expects, without limits: its plan, as JSON."""
    require_guard(plan.node.guarded)
    node = replace(plan.node, limit=None, offset=None, order=())
    rows = DatabaseReadWriter(dialect, Rendering()).rows(node, [sa.literal_column("1")])
    return explained(compile_statement(rows, dialect.sqlalchemy), Explained("json"))
