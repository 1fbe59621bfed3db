"""Rows of which a body says nothing: an INSERT of as many rows as it has, each all defaults."""

from __future__ import annotations

import warnings
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import Insert
from sqlalchemy.ext.compiler import compiles


class BareInsert(Insert):
    """`INSERT INTO table SELECT FROM rows`: PostgreSQL fills every column of every row with its default."""

    inherit_cache = False

    def __init__(self, table: sa.Table, rows: sa.FromClause) -> None:
        super().__init__(table)
        self.rows = rows


@compiles(BareInsert)
def _written(element: BareInsert, compiler: Any, **words: Any) -> str:
    before = compiler.column_keys
    compiler.column_keys = []
    try:
        with warnings.catch_warnings(action="ignore", category=sa.exc.SAWarning):  # of keys that a trigger may fill
            text: str = compiler.visit_insert(element, **words)
    finally:
        compiler.column_keys = before
    start = f"INSERT INTO {compiler.preparer.format_table(element.table)}"
    rest = text.removeprefix(f"{start} DEFAULT VALUES")
    return f"{start} SELECT FROM {compiler.process(element.rows, asfrom=True)}{rest}"
