"""A reflected schema, made on PostgreSQL: what must be made is, what may be left out is tried and named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy import MetaData
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql.named_types import CreateEnumType
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import AddConstraint, CreateIndex, CreateTable, ExecutableDDLElement
from sqlalchemy.types import TypeEngine

from undercroft.engine.move.errors import CannotMove
from undercroft.engine.move.types import ONLY_POSTGRES, WORDS, Words


class Making:
    """Within a transaction. `run` runs a statement, `later` keeps one for the end of the move."""

    def __init__(
        self, run: Callable[..., list[Any]], later: Callable[[str], None], dialect: Dialect, name: str
    ) -> None:
        self._run, self._later, self._dialect, self._name = run, later, dialect, name

    def make(self, metadata: MetaData) -> list[str]:
        """Tables and indexes. CHECKs are tried one by one; foreign keys come with the end of the move."""
        notes: list[str] = []
        for schema in sorted({table.schema for table in metadata.tables.values() if table.schema}):
            self._run(f"CREATE SCHEMA IF NOT EXISTS {self._quoted(schema)}")
        for table in metadata.tables.values():
            self._make_table(table, notes)
        for what, statement in metadata.info.get(ONLY_POSTGRES, ()):
            self._try(statement, what, notes)
        return notes

    def _make_table(self, table: sa.Table, notes: list[str]) -> None:
        checks = [each for each in table.constraints if isinstance(each, sa.CheckConstraint)]
        table.constraints -= set(checks)
        for column in table.columns:
            self._make_type(column.type)
        self._must(CreateTable(table, include_foreign_key_constraints=[]), f"the table {table.fullname}")
        for column in table.columns:
            words: Words | None = column.info.get(WORDS)
            if words is not None:
                text = f"ALTER TABLE {self._table(table)} ALTER COLUMN {self._quoted(column.name)} SET DEFAULT "
                what = f"{table.fullname}.{column.name}: the default {words.here}"
                self._try_words(text, words.postgresql, what, notes)
        for check in sorted(checks, key=lambda each: (str(each.name), str(each.sqltext))):
            words = check.info[WORDS]
            if words.postgresql is not None:
                named = f"CONSTRAINT {self._quoted(check.name)} " if isinstance(check.name, str) else ""
                statement = f"ALTER TABLE {self._table(table)} ADD {named}CHECK ({words.postgresql})"
                self._try(statement, f"{table.fullname}: the CHECK {words.here}", notes)
        for index in sorted(table.indexes, key=lambda each: str(each.name)):
            self._try(self._ddl(CreateIndex(index)), f"the index {index.name}", notes)
        for key in sorted(table.foreign_key_constraints, key=lambda each: tuple(each.column_keys)):
            if key.name is None:
                key.name = f"{table.name}_{'_'.join(key.column_keys)}_fkey"
            self._later(self._ddl(AddConstraint(key)))

    def _make_type(self, type_: TypeEngine[Any]) -> None:
        """The type of an enumeration, which a column may have as a list, too."""
        enum = getattr(type_, "item_type", type_)
        if not isinstance(enum, postgresql.ENUM):
            return
        preparer: Any = self._dialect.identifier_preparer
        named = preparer.format_type(enum)
        if self._run("SELECT to_regtype(%s)", (named,))[0][0] is None:
            self._must(CreateEnumType(enum), f"the type {enum.name}")

    def _must(self, element: ExecutableDDLElement, what: str) -> None:
        import psycopg

        try:
            self._run(self._ddl(element))
        except (psycopg.ProgrammingError, psycopg.NotSupportedError, psycopg.DataError) as error:
            raise CannotMove(
                f"{what} cannot be made in {self._name}: {first_line(error)}",
                hint="Nothing was made there. What it needs, such as an extension, has to be there before the move.",
            ) from error

    def _try_words(self, text: str, words: str | None, what: str, notes: list[str]) -> None:
        if words is None:
            notes.append(f"{what} is left out")
        else:
            self._try(text + words, what, notes)

    def _ddl(self, element: ExecutableDDLElement) -> str:
        return str(element.compile(dialect=self._dialect))

    def _try(self, statement: str, what: str, notes: list[str]) -> None:
        import psycopg

        self._run("SAVEPOINT tried")
        try:
            self._run(statement)
        except (psycopg.ProgrammingError, psycopg.NotSupportedError, psycopg.DataError) as error:
            self._run("ROLLBACK TO SAVEPOINT tried")
            notes.append(f"{what} is left out: {first_line(error)}")
        self._run("RELEASE SAVEPOINT tried")

    def _table(self, table: sa.Table) -> str:
        return self._dialect.identifier_preparer.format_table(table)

    def _quoted(self, name: str) -> str:
        return self._dialect.identifier_preparer.quote_identifier(name)


def first_line(error: BaseException) -> str:
    """What the server says, without its further words."""
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
