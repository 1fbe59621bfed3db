"""SQLAlchemy's SQLite dialect with two more traits: it may serve an `AsyncSession`, and schemas are dotted names.

SQLite has no schemas. `Table("users", schema="auth")` is the table `"auth.users"` here, in DDL, in statements and in
reflection alike; its index `by_email` is `"auth.by_email"`, since index names share one space per file.
"""

# mypy: disable-error-code="no-untyped-call, override, misc"
# The dialect that is extended here has no annotations.

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from sqlalchemy import REAL, BinaryExpression, Index, Numeric, String, TypeDecorator, cast
from sqlalchemy.dialects.sqlite.base import (
    SQLiteCompiler,
    SQLiteDDLCompiler,
    SQLiteExecutionContext,
    SQLiteIdentifierPreparer,
)
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import URL, Connection
from sqlalchemy.engine.interfaces import DBAPICursor, DBAPIModule
from sqlalchemy.pool import NullPool, Pool
from sqlalchemy.sql import operators
from sqlalchemy.sql.compiler import DDLCompiler
from sqlalchemy.sql.expression import ColumnClause, FromClause
from sqlalchemy.sql.schema import ForeignKeyConstraint

from undercroft.sql.sqlite.texts import in_decimal_order

DEFAULT_SCHEMA = "main"

_PLAIN_COMPARISONS = frozenset({
    operators.eq, operators.ne, operators.lt, operators.le, operators.gt, operators.ge, operators.is_distinct_from,
    operators.is_not_distinct_from,
})  # fmt: skip
_COMPARISONS = _PLAIN_COMPARISONS | {
    operators.in_op, operators.not_in_op, operators.between_op, operators.not_between_op,
}  # fmt: skip
_ARITHMETIC = frozenset({operators.add, operators.sub, operators.mul, operators.truediv, operators.mod})


def dotted(schema: str | None, name: str) -> str:
    """The SQLite name of a table, view or index of a schema."""
    return f"{schema}.{name}" if schema and schema != DEFAULT_SCHEMA else name


def undotted(name: str) -> tuple[str | None, str]:
    """The schema (None for the default one) and the name of an SQLite name."""
    schema, dot, rest = name.partition(".")
    return (schema, rest) if dot and schema and rest else (None, name)


def _no_schema(_: object) -> None:
    """SQLAlchemy must never write a schema by itself: it would mean an attached file."""


class DottedPreparer(SQLiteIdentifierPreparer):
    schema_for_object = staticmethod(_no_schema)  # type: ignore[arg-type]  # None means "no schema" here

    def format_table(self, table: FromClause, use_schema: bool = True, name: str | None = None) -> str:
        if name is not None:
            return self.quote(name)
        return self.quote(dotted(getattr(table, "schema", None), table.name))  # type: ignore[attr-defined]  # a named one


class DottedCompiler(SQLiteCompiler):
    def visit_table(self, table: FromClause, asfrom: bool = False, ashint: bool = False, **kw: Any) -> str:
        text: str = super().visit_table(table, asfrom=asfrom, ashint=ashint, **kw)
        return self.preparer.format_table(table) if text and getattr(table, "schema", None) else text

    def visit_column(self, column: ColumnClause[Any], *args: Any, include_table: bool = True, **kw: Any) -> str:
        table = column.table
        if include_table and table is not None and getattr(table, "schema", None) and table.named_with_column:
            name = super().visit_column(column, *args, include_table=False, **kw)
            return f"{self.preparer.format_table(table)}.{name}"
        return super().visit_column(column, *args, include_table=include_table, **kw)

    def visit_now_func(self, fn: Any, **kw: Any) -> str:
        """The moment in the form in which moments are stored, so that both compare as texts; CURRENT_TIMESTAMP lacks
        the fraction."""
        return "strftime('%Y-%m-%d %H:%M:%f000', 'now')"

    def visit_binary(self, binary: BinaryExpression[Any], *args: Any, **kw: Any) -> str:
        """Decimals that are stored as text are compared as the numbers that they spell: in policies, in queries."""
        left, right = binary.left, binary.right
        if binary.operator in _COMPARISONS and (self._is_spelled_out(left) or self._is_spelled_out(right)):
            if not (_is_computed(left) or _is_computed(right)):
                left = in_decimal_order(left)
            elif binary.operator in _PLAIN_COMPARISONS:
                left, right = cast(left, REAL), cast(right, REAL)
            binary = BinaryExpression(left, right, binary.operator, modifiers=binary.modifiers)
        text: str = super().visit_binary(binary, *args, **kw)
        return text

    def _is_spelled_out(self, side: object) -> bool:
        type_ = getattr(side, "type", None)
        if not isinstance(type_, TypeDecorator) or not isinstance(type_.impl_instance, Numeric):
            return False
        if isinstance(side, BinaryExpression) and side.operator not in _ARITHMETIC:
            return False  # it has its collation already
        stored = type_.dialect_impl(self.dialect)
        return isinstance(stored, TypeDecorator) and isinstance(stored.impl_instance, String)


def _is_computed(side: object) -> bool:
    """The result of arithmetic is a number, whatever its operands were stored as."""
    return isinstance(side, BinaryExpression) and side.operator in _ARITHMETIC


class DottedDDLCompiler(SQLiteDDLCompiler):
    def visit_foreign_key_constraint(self, constraint: ForeignKeyConstraint, **kw: Any) -> str:
        # SQLite's own compiler leaves out keys between schemas, as attached files cannot have them: ours can.
        return DDLCompiler.visit_foreign_key_constraint(self, constraint, **kw)

    def _prepared_index_name(self, index: Index, include_schema: bool = False) -> str:
        schema = index.table.schema if index.table is not None else None
        if not schema or index.name is None:
            return super()._prepared_index_name(index, include_schema)
        # Through format_index first: it applies the naming convention and checks the length.
        named = self.preparer._unescape_identifier(self.preparer.format_index(index).strip('"'))
        return self.preparer.quote(dotted(schema, named))


class UndercroftExecutionContext(SQLiteExecutionContext):
    def create_server_side_cursor(self) -> DBAPICursor:
        """For `session.stream()`: an ordinary cursor, since ours have read everything anyway."""
        return self._dbapi_connection.cursor()


class UndercroftSQLiteDialect(SQLiteDialect_pysqlite):
    """The dialect of the SQLite engine; `dbapi` is the process's one SQLite module."""

    driver = "undercroft"
    is_async = True
    supports_server_side_cursors = True
    execution_ctx_cls = UndercroftExecutionContext
    supports_statement_cache = True
    preparer = DottedPreparer
    statement_compiler = DottedCompiler
    ddl_compiler = DottedDDLCompiler

    def __init__(self, dbapi: DBAPIModule, **kwargs: Any) -> None:
        super().__init__(dbapi=dbapi, **kwargs)
        # What SQLAlchemy would ask of a first connection; we have none of its kind.
        self.server_version_info = dbapi.sqlite_version_info
        self.default_schema_name = DEFAULT_SCHEMA
        self.default_isolation_level = "SERIALIZABLE"

    @classmethod
    def get_pool_class(cls, url: URL) -> type[Pool]:
        return NullPool

    def on_connect(self) -> None:  # no REGEXP, no floor(): connections are ours already
        return None

    # --- savepoints: SQLAlchemy would compile each of them anew, which costs more than the savepoint ------------------

    def do_savepoint(self, connection: Connection, name: str) -> None:
        self._run(connection, "SAVEPOINT", name)

    def do_rollback_to_savepoint(self, connection: Connection, name: str) -> None:
        self._run(connection, "ROLLBACK TO", name)

    def do_release_savepoint(self, connection: Connection, name: str) -> None:
        self._run(connection, "RELEASE", name)

    def _run(self, connection: Connection, verb: str, name: str) -> None:
        cursor = connection.connection.cursor()
        cursor.execute(f"{verb} {self.identifier_preparer.quote(name)}")
        cursor.close()

    # --- reflection -------------------------------------------------------------------------------------------------

    def get_schema_names(self, connection: Connection, **kw: Any) -> list[str]:
        tables = super().get_table_names(connection, None, **kw) + super().get_view_names(connection, None, **kw)
        return [DEFAULT_SCHEMA, *sorted({schema for schema, _ in map(undotted, tables) if schema})]

    def get_table_names(self, connection: Connection, schema: str | None = None, **kw: Any) -> list[str]:
        return _of_schema(super().get_table_names(connection, None, **kw), schema)

    def get_view_names(self, connection: Connection, schema: str | None = None, **kw: Any) -> list[str]:
        return _of_schema(super().get_view_names(connection, None, **kw), schema)

    def has_table(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> bool:
        return bool(super().has_table(connection, dotted(schema, table_name), None, **kw))

    def has_index(
        self, connection: Connection, table_name: str, index_name: str, schema: str | None = None, **kw: Any
    ) -> bool:
        return any(index["name"] == index_name for index in self.get_indexes(connection, table_name, schema, **kw))

    def get_view_definition(self, connection: Connection, view_name: str, schema: str | None = None, **kw: Any) -> Any:
        return super().get_view_definition(connection, dotted(schema, view_name), None, **kw)

    def get_table_options(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        return super().get_table_options(connection, dotted(schema, table_name), None, **kw)

    def get_columns(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        return super().get_columns(connection, dotted(schema, table_name), None, **kw)

    def get_pk_constraint(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        return super().get_pk_constraint(connection, dotted(schema, table_name), None, **kw)

    def get_foreign_keys(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        keys = super().get_foreign_keys(connection, dotted(schema, table_name), None, **kw)
        split = [(key, *undotted(key["referred_table"])) for key in keys]
        return [{**key, "referred_schema": owner, "referred_table": name} for key, owner, name in split]

    def get_unique_constraints(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        return super().get_unique_constraints(connection, dotted(schema, table_name), None, **kw)

    def get_check_constraints(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        return super().get_check_constraints(connection, dotted(schema, table_name), None, **kw)

    def get_indexes(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        indexes = super().get_indexes(connection, dotted(schema, table_name), None, **kw)
        prefix = dotted(schema, "")
        return [{**index, "name": index["name"].removeprefix(prefix)} for index in indexes]


def _of_schema(names: list[str], schema: str | None) -> list[str]:
    wanted = None if schema == DEFAULT_SCHEMA else schema
    return [name for owner, name in map(undotted, names) if owner == wanted]


@cache
def shared_dialect(dbapi: DBAPIModule, json_serializer: Callable[[Any], str] | None = None) -> UndercroftSQLiteDialect:
    """The one dialect of all engines that differ in nothing here: what was compiled for one, serves the others."""
    return UndercroftSQLiteDialect(dbapi, json_serializer=json_serializer)


__all__ = ["DEFAULT_SCHEMA", "UndercroftSQLiteDialect", "dotted", "shared_dialect", "undotted"]
