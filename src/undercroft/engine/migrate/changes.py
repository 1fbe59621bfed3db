"""Alembic's operations for what it has none: renames with a way back, filling rows, statements with their opposite."""

from __future__ import annotations

from alembic.operations import ops


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


class Statement(ops.ExecuteSQLOp):
    """A statement and the one that undoes it; an empty `undo` means that nothing has to be undone."""

    def __init__(self, sqltext: str, undo: str = "", fills: str | None = None) -> None:
        super().__init__(sqltext)
        self.undo = undo
        self.fills = fills
        """The column that it fills, as `table.column`."""

    def reverse(self) -> Statement:
        return Statement(self.undo, str(self.sqltext))

    def python(self) -> str:
        return f"op.execute({str(self.sqltext)!r})" if self.sqltext else ""
