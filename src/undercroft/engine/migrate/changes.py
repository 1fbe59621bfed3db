# ruff: noqa: S608  names are quoted, and values are literals that the dialect wrote
"""Alembic's operations for what it has none: renames with a way back, filling rows, statements with their opposite."""

from __future__ import annotations

from typing import Any

from alembic.operations import ops

from undercroft.engine.migrate.facts import quoted


class RenameTable(ops.RenameTableOp):
    def reverse(self) -> RenameTable:
        return RenameTable(self.new_table_name, self.table_name, schema=self.schema)

    def python(self) -> str:
        schema = f", schema={self.schema!r}" if self.schema else ""
        return f"op.rename_table({str(self.table_name)!r}, {str(self.new_table_name)!r}{schema})"


class RenameColumn(ops.AlterColumnOp):
    def reverse(self) -> RenameColumn:
        name = self.modify_name or self.column_name
        return RenameColumn(self.table_name, name, schema=self.schema, modify_name=self.column_name)

    def python(self) -> str:
        schema = f", schema={self.schema!r}" if self.schema else ""
        names = f"{str(self.table_name)!r}, {self.column_name!r}, new_column_name={self.modify_name!r}"
        return f"op.alter_column({names}{schema})"


class DropIndex(ops.DropIndexOp):
    """By its name on every engine; the way back is the text that the database kept of it."""

    def __init__(self, name: str, table: str, schema: str | None, text: str) -> None:
        super().__init__(name, table, schema=schema)
        self.text = text

    def reverse(self) -> Any:
        return Statement(self.text, "")

    def python(self) -> str:
        schema = f", schema={self.schema!r}" if self.schema else ""
        return f"op.drop_index({str(self.index_name)!r}, table_name={str(self.table_name)!r}{schema})"


class Statement(ops.ExecuteSQLOp):
    """A statement and the one that undoes it; an empty `undo` means that nothing has to be undone."""

    def __init__(self, sqltext: str, undo: str = "") -> None:
        super().__init__(sqltext)
        self.undo = undo

    def reverse(self) -> Statement:
        return Statement(self.undo, str(self.sqltext))

    def python(self) -> str:
        return f"op.execute({str(self.sqltext)!r})" if self.sqltext else ""


class Fill(ops.ExecuteSQLOp):
    """Gives a new column its value in the rows that are there; `value` is SQL that every engine reads."""

    def __init__(self, table: str, column: str, value: str, schema: str | None = None) -> None:
        super().__init__("")
        self.table, self.column, self.value, self.schema = table, column, value, schema

    def reverse(self) -> Statement:
        return Statement("")

    def python(self) -> str:
        if not self.schema:
            return f"op.execute({f'UPDATE {quoted(self.table)} SET {quoted(self.column)} = {self.value}'!r})"
        table = f"sa.table({self.table!r}, sa.column({self.column!r}), schema={self.schema!r})"
        return f"op.execute(sa.update({table}).values({{{self.column!r}: sa.text({self.value!r})}}))"
