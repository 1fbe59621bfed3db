# ruff: noqa: S608  names are quoted, values are literals
"""Alembic's operations on PostgreSQL as they should be on a database that is in use.

What would lock a table for as long as it takes to read it is put off until after the commit, where it can be done
beside the work of others: indexes are made CONCURRENTLY, and what must hold for all rows is looked up then. What is put
off is noted in the transaction, so that whoever comes after a crash finishes it; see `late`.
"""

from __future__ import annotations

import re
from typing import Any, cast

from alembic.ddl.postgresql import PostgresqlImpl
from sqlalchemy import CheckConstraint, Column, Connection, Enum, ForeignKeyConstraint, Index, Table, UniqueConstraint
from sqlalchemy.schema import AddConstraint, CreateIndex, CreateTable

from undercroft.engine.migrate.comparing import ByFacts
from undercroft.engine.migrate.facts import ColumnFact, quoted
from undercroft.engine.migrate.ground import runner
from undercroft.engine.migrate.postgres.copying import literal
from undercroft.engine.migrate.postgres.facts import named
from undercroft.engine.migrate.postgres.late import Late, LateStep, add_step, drop_step, index_step, note, validate_step
from undercroft.engine.migrate.postgres.needs import create_schema, create_types
from undercroft.engine.sqlite.dialect import dotted, undotted


class FaithfulPostgres(ByFacts, PostgresqlImpl):
    # No __dialect__ here: Alembic registers such classes globally, and we only want it for our own contexts.
    transactional_ddl = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rebuilt: set[str] = set()
        self.renamed_within: dict[tuple[str, str], str] = {}
        self._waiting: list[ForeignKeyConstraint] = []
        """References to tables that are not there yet: files that were written for SQLite make them in any order."""

    @property
    def _bound(self) -> Connection:
        return cast(Connection, self.connection)

    @property
    def _ground(self) -> Any:
        return cast(Any, self._bound.dialect).ground

    def _run(self, sql: str) -> list[Any]:
        return list(runner(self._bound)(sql))

    def _put_off(self, label: str, *steps: LateStep) -> None:
        note(self._bound, Late(label, steps))

    def _has_rows(self, table: str) -> bool:
        """Whether a table of the real database, not of a scratch, holds rows."""
        return not self._ground.trying and bool(self._run(f"SELECT 1 FROM {table} LIMIT 1"))

    def _is_big(self, table: str) -> bool:
        if self._ground.trying:
            return False
        size = self._run(f"SELECT pg_catalog.pg_table_size({literal(table)}::regclass)")[0][0]
        return bool(size > self._ground.big_bytes)

    def render_ddl_sql_expr(self, expr: Any, is_server_default: bool = False, is_index: bool = False, **kw: Any) -> str:
        """As it is, not as the driver wants it: it is written into a file, and said to the driver again later."""
        return _as_it_is(super().render_ddl_sql_expr(expr, is_server_default, is_index, **kw))

    # --- tables and columns ---------------------------------------------------------------------------------------

    def create_table(self, table: Table, **kw: Any) -> None:
        create_schema(self._bound, table.schema)
        create_types(self._bound, table.columns)
        waiting = [key for key in table.foreign_key_constraints if not self._is_there(key)]
        include = [key for key in table.foreign_key_constraints if key not in waiting]
        self._exec(CreateTable(table, include_foreign_key_constraints=include, **kw))
        for index in table.indexes:
            self.create_index(index)
        self._waiting += waiting
        there = [key for key in self._waiting if self._is_there(key)]
        self._waiting = [key for key in self._waiting if key not in there]
        for key in there:
            self._exec(AddConstraint(key, isolate_from_table=False))

    def _is_there(self, key: ForeignKeyConstraint) -> bool:
        schema, table, _ = key.elements[0]._column_tokens
        if (schema, table) == (key.parent.schema, key.parent.name):
            return True
        full = named(dotted(schema, str(table)))
        return bool(self._run(f"SELECT pg_catalog.to_regclass({literal(full)}) IS NOT NULL")[0][0])

    def add_column(self, table_name: str, column: Column[Any], **kw: Any) -> None:
        create_types(self._bound, [column])
        super().add_column(table_name, column, **kw)

    def alter_column(
        self,
        table_name: str,
        column_name: str,
        *,
        nullable: Any = None,
        type_: Any = None,
        schema: Any = None,
        **kw: Any,
    ) -> None:
        """Types are changed by a cast where there is no other way; a column of a big table forbids NULL after a
        look at its rows.
        """
        table, column = named(dotted(schema, table_name)), quoted(column_name)
        if type_ is not None:
            self._change_type(dotted(schema, table_name), column_name, type_, kw.get("server_default", False))
        if nullable is False and self._is_big(table):
            guard = f"_undercroft_{column_name}_not_null"[:63]
            self._run(f"ALTER TABLE {table} ADD CONSTRAINT {quoted(guard)} CHECK ({column} IS NOT NULL) NOT VALID")
            self._put_off(
                f"no null in {dotted(schema, table_name)}.{column_name}",
                validate_step(table, guard),
                LateStep(f"ALTER TABLE {table} ALTER COLUMN {column} SET NOT NULL"),
                drop_step(table, guard),
            )
            nullable = None
        super().alter_column(table_name, column_name, nullable=nullable, schema=schema, **kw)

    def _change_type(self, table: str, column: str, type_: Any, new_default: Any) -> None:
        """Without its default, which may be no value of the new type; one that stays is put back."""
        fact = self._ground.facts(self._bound)[table].columns_by_name[column]
        variant = type_._variant_mapping.get("postgresql", type_)
        same = isinstance(variant, Enum) and fact.members is not None and fact.type.strip('"') == variant.name
        if same and self._add_members(variant):
            return
        create_types(self._bound, [Column("c", type_)])
        alter = f"ALTER TABLE {named(table)} ALTER COLUMN {quoted(column)}"
        if fact.default is not None:
            self._run(f"{alter} DROP DEFAULT")
        wanted = self.dialect.type_compiler_instance.process(type_)
        using = "" if _implicit(fact, wanted) else f" USING {_cast(fact, quoted(column), wanted)}"
        self._run(f"{alter} TYPE {wanted}{using}")
        if fact.default is not None and new_default is False:
            self._run(f"{alter} SET DEFAULT {_unmarked(fact.default)}")

    def _add_members(self, type_: Enum) -> bool:
        """Whether the type is there already; then it has the members now. Members that went cannot be taken away."""
        name = quoted(str(type_.name))
        found = f"WHERE enumtypid = pg_catalog.to_regtype({literal(name)}) ORDER BY enumsortorder"
        labels = [row[0] for row in self._run(f"SELECT enumlabel FROM pg_catalog.pg_enum {found}")]
        if not labels or not set(labels) <= set(type_.enums):
            return False
        for at, member in enumerate(type_.enums):
            if member not in labels:
                after = f" AFTER {literal(type_.enums[at - 1])}" if at else f" BEFORE {literal(labels[0])}"
                self._run(f"ALTER TYPE {name} ADD VALUE {literal(member)}{after}")
        return True

    # --- indexes and constraints ----------------------------------------------------------------------------------

    def create_index(self, index: Index, **kw: Any) -> None:
        table = cast(Table, index.table)
        name = dotted(table.schema, str(index.name))
        if self._is_left_over(name):
            self._run(f"DROP INDEX {named(name)}")
        if not self._has_rows(named(dotted(table.schema, table.name))):
            super().create_index(index, **kw)
            return
        index.dialect_options["postgresql"]["concurrently"] = True
        text = _as_it_is(str(CreateIndex(index).compile(dialect=self.dialect)))
        plain = undotted(name)[1]
        self._put_off(f"index {name}", index_step(text, named(dotted(table.schema, table.name)), plain))

    def _is_left_over(self, name: str) -> bool:
        """Of an index that was being made CONCURRENTLY when something went wrong, the unusable half is there."""
        found = f"WHERE indexrelid = pg_catalog.to_regclass({literal(named(name))}) AND NOT indisvalid"
        return bool(self._run(f"SELECT 1 FROM pg_catalog.pg_index {found}"))

    def add_constraint(self, const: Any, **kw: Any) -> None:
        table = named(dotted(const.table.schema, const.table.name))
        if not isinstance(const, (CheckConstraint, ForeignKeyConstraint, UniqueConstraint)) or not self._is_big(table):
            super().add_constraint(const, **kw)
            return
        name = str(self.dialect.identifier_preparer.format_constraint(const)).strip('"')
        if isinstance(const, UniqueConstraint):
            listed = ", ".join(quoted(column.name) for column in const.columns)
            made = f"CREATE UNIQUE INDEX CONCURRENTLY {quoted(name)} ON {table} ({listed})"
            steps = index_step(made, table, name), add_step(table, name, f"UNIQUE USING INDEX {quoted(name)}")
            self._put_off(f"unique ({listed}) of {table}", *steps)
            return
        const.dialect_options["postgresql"]["not_valid"] = True
        super().add_constraint(const, **kw)
        self._put_off(f"constraint {name} of {table}", validate_step(table, name))


def _as_it_is(text: str) -> str:
    """A text without the signs by which SQLAlchemy tells the driver that a % is none of its own."""
    return text.replace("%%", "%")


def _implicit(fact: ColumnFact, wanted: str) -> bool:
    """Whether assigning a value of the one type to a column of the other is a cast that PostgreSQL makes by itself."""
    return fact.family == family_of(wanted) or family_of(wanted) == "TEXT" or {
        fact.family or "", family_of(wanted)
    } <= {"INTEGER", "NUMERIC", "REAL"}  # fmt: skip


def _cast(fact: ColumnFact, column: str, wanted: str) -> str:
    """By way of text, in which every type can be said; a truth becomes a number as it is one on SQLite."""
    truth = fact.type == "boolean" and family_of(wanted) in ("INTEGER", "NUMERIC", "REAL")
    return f"{column}::integer::{wanted}" if truth else f"{column}::text::{wanted}"


def _unmarked(default: str) -> str:
    """A constant without the type that PostgreSQL noted beside it, so that it may become one of another type."""
    found = re.fullmatch(r"('(?:[^']|'')*')::[\w\s\"().]+", default)
    return found.group(1) if found else default


def family_of(declared: str) -> str:
    """The kind of values of a type as a statement declares it."""
    word = declared.lower().partition("(")[0].strip()
    families = (
        (("smallint", "integer", "bigint"), "INTEGER"),
        (("numeric", "decimal"), "NUMERIC"),
        (("real", "double precision", "float"), "REAL"),
        (("text", "varchar", "character varying", "char", "character", "citext"), "TEXT"),
    )
    return next((family for words, family in families if word in words), word)
