"""Alembic's SQLite implementation, made faithful: a rebuilt table differs from the old one only where a revision says
so.

Alembic changes most things of a SQLite table by writing a new one, copying the rows and dropping the old. Out of the
box that loses triggers, indexes over expressions, descending indexes, AUTOINCREMENT and its counter, and fails on
generated columns and where views exist. Here they are kept. A value is never CAST: where it does not fit its new type
it stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from alembic.ddl.base import AlterTable, RenameTable
from alembic.ddl.sqlite import SQLiteImpl
from sqlalchemy import Connection, ForeignKeyConstraint, Index, Table
from sqlalchemy.sql.elements import quoted_name
from sqlalchemy.types import NullType

from undercroft.engine.migrate.comparing import ByFacts
from undercroft.engine.migrate.errors import CannotPlan
from undercroft.engine.migrate.facts import TableFact, quoted
from undercroft.engine.migrate.reflection import Declared, MigrationDialect
from undercroft.engine.sqlite.dialect import dotted

TEMPORARY = "_alembic_tmp_"
"""What Alembic calls the new table until it takes the old one's name."""


class _Rebuild:
    """One table on its way: what has to be there again at the end."""

    def __init__(
        self, fact: TableFact, new: Table, kept: frozenset[str], triggers: Sequence[str], counter: int | None
    ) -> None:
        self.fact, self.new, self.kept, self.triggers, self.counter = fact, new, kept, triggers, counter


class FaithfulSQLite(ByFacts, SQLiteImpl):
    # No __dialect__ here: Alembic registers such classes globally, and we only want it for our own contexts.
    transactional_ddl = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._rebuilds: dict[str, _Rebuild] = {}
        self.rebuilt: set[str] = set()
        """Tables that were rebuilt so far, by SQLite's names."""
        self.renamed_within: dict[tuple[str, str], str] = {}
        """Columns that a rebuild renamed: (table, new name) to the old name."""

    @property
    def _bound(self) -> Connection:
        return cast(Connection, self.connection)

    def _fact(self, table: Table) -> TableFact:
        return cast(MigrationDialect, self.dialect).fact(self._bound, table.name, table.schema)

    def _run(self, sql: str, args: tuple[object, ...] = ()) -> list[Any]:
        result = self._bound.exec_driver_sql(sql, args)
        return list(result.fetchall()) if result.returns_rows else []

    def _exec(
        self,
        construct: Any,
        execution_options: Mapping[str, Any] | None = None,
        multiparams: Sequence[Mapping[str, Any]] | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Any:
        if isinstance(construct, AlterTable) and construct.schema:
            schema = str(construct.schema)
            if isinstance(construct, RenameTable):
                construct.new_table_name = quoted_name(dotted(schema, construct.new_table_name), quote=True)
            construct.table_name = quoted_name(dotted(schema, construct.table_name), quote=True)
            construct.schema = None
        return super()._exec(construct, execution_options, multiparams, params or {})

    def autogen_column_reflect(self, inspector: Any, table: Table, column_info: dict[str, Any]) -> None:
        super().autogen_column_reflect(inspector, table, column_info)
        if self.compared is not None:
            return
        column = self._fact(table).columns_by_name[column_info["name"]]
        declared = f"{column.type} COLLATE {quoted(column.collation)}" if column.collation else column.type
        known = not isinstance(column_info["type"], NullType)
        if not known or self.dialect.type_compiler_instance.process(column_info["type"]) != declared:
            column_info["type"] = Declared(declared)

    def cast_for_batch_migrate(self, existing: Any, existing_transfer: Any, new_type: Any) -> None:
        """Nothing: the column's affinity converts what converts without loss; CAST would turn 'abc' into 0."""

    def prep_table_for_batch(self, batch_impl: Any, table: Table) -> None:
        name = dotted(table.schema, table.name)
        fact = self._fact(table)
        if fact.on_conflict:
            raise CannotPlan(
                f"table {name} uses ON CONFLICT clauses, which a rebuild cannot carry over",
                hint="Write this revision by hand, with op.execute(); sqlite.org/lang_altertable.html has the steps.",
            )
        _mend_foreign_keys(batch_impl)
        sql = "SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ? ORDER BY rowid"
        triggers = [row[0] for row in self._run(sql, (name,))]
        counter = None
        if "autoincrement" in fact.options:
            found = self._run("SELECT seq FROM sqlite_sequence WHERE name = ?", (name,))
            counter = found[0][0] if found else None
        for key, transfer in batch_impl.column_transfers.items():
            if batch_impl.columns[key].computed is not None:
                transfer.pop("expr", None)
            if "name" in transfer:
                self.renamed_within[name, transfer["name"]] = key
        kept = frozenset(batch_impl.indexes) - frozenset(batch_impl.new_indexes)
        self._rebuilds[name] = _Rebuild(fact, batch_impl.new_table, kept, triggers, counter)
        self.rebuilt.add(name)

    def rename_table(self, old_table_name: Any, new_table_name: Any, schema: Any = None) -> None:
        if not str(old_table_name).startswith(TEMPORARY):
            super().rename_table(old_table_name, new_table_name, schema=schema)
            return
        name = dotted(schema, str(new_table_name))
        # The modern form of renaming reads all views and triggers, some of which now name a table that is not there.
        self._run("PRAGMA legacy_alter_table=ON")
        try:
            super().rename_table(old_table_name, new_table_name, schema=schema)
        finally:
            self._run("PRAGMA legacy_alter_table=OFF")
        rebuild = self._rebuilds[name]
        for index in rebuild.fact.indexes:
            if None in index.columns:
                self._run(index.sql)
        for trigger in rebuild.triggers:
            self._run(trigger)
        if rebuild.counter is not None:
            self._run("DELETE FROM sqlite_sequence WHERE name = ?", (name,))
            self._run("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (name, rebuild.counter))

    def create_index(self, index: Index, **kw: Any) -> None:
        original = self._original(index)
        if original is not None:
            self._run(original)
        else:
            super().create_index(index, **kw)

    def _original(self, index: Index) -> str | None:
        """The text of an index that a rebuild only carries over: the reflected one has lost DESC and collations."""
        for rebuild in self._rebuilds.values():
            if index.table is rebuild.new:
                for old in rebuild.fact.indexes:
                    plain = old.name.removeprefix(dotted(index.table.schema, ""))
                    renamed = any(column.name != column.key for column in index.columns)
                    if plain == index.name and plain in rebuild.kept and not renamed:
                        return old.sql
        return None


def _mend_foreign_keys(batch_impl: Any) -> None:
    """Copying a table of a schema, SQLAlchemy takes what it refers to for tables of that schema: put that right."""
    new: Table = batch_impl.new_table
    if not new.schema:
        return
    for constraint in list(new.foreign_key_constraints):
        new.constraints.discard(constraint)
        for element in constraint.elements:
            element.parent.foreign_keys.discard(element)
            new.foreign_keys.discard(element)
    for old in [*batch_impl.named_constraints.values(), *batch_impl.unnamed_constraints]:
        if isinstance(old, ForeignKeyConstraint) and all(key in new.c for key in old.column_keys):
            new.append_constraint(
                ForeignKeyConstraint(
                    old.column_keys,
                    [element.target_fullname for element in old.elements],
                    name=old.name,
                    onupdate=old.onupdate,
                    ondelete=old.ondelete,
                    deferrable=old.deferrable,
                    initially=old.initially,
                )
            )
