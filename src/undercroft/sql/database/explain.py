"""Statements that ask how another one would be carried out, and what the planner expects of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from undercroft.sql.statement import Statement

OPTIONS = ("analyze", "verbose", "settings", "buffers", "wal")
"""What may be asked for, in PostgreSQL's words."""


@dataclass(frozen=True, slots=True)
class Explained:
    """In which form a plan is told, and what of it."""

    form: Literal["text", "json"] = "text"
    options: frozenset[str] = frozenset()


def explained(statement: Statement, how: Explained) -> Statement:
    """The statement that tells the plan of another; its rows are lines of text, or one row of JSON."""
    words = [f"FORMAT {how.form.upper()}", *(option.upper() for option in OPTIONS if option in how.options)]
    return replace(statement, text=f"EXPLAIN ({', '.join(words)}) {statement.text}")
