"""The dialect of migration connections: what it reflects is complete, since a rebuild writes a table from nothing
else.

SQLAlchemy's own reflection of SQLite leaves out collations, AUTOINCREMENT, the actions of inline foreign keys, and
reads constraints by patterns; here everything comes from `facts`. Constraints without a name get one from their
columns, because Alembic can neither drop nor carry over nameless ones.
"""

from __future__ import annotations

from collections.abc import Container
from itertools import count
from typing import Any, cast

from sqlalchemy import text
from sqlalchemy.engine import Connection
from sqlalchemy.engine.interfaces import DBAPIModule
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.types import TypeEngine, UserDefinedType

from undercroft.engine.migrate.ddltext import lex
from undercroft.engine.migrate.facts import ColumnFact, TableFact, read_table, with_referred
from undercroft.engine.sqlite.dialect import UndercroftSQLiteDialect, dotted, undotted


class Declared(UserDefinedType[Any]):
    """A column type in the words in which it was declared, with its collation."""

    cache_ok = True

    def __init__(self, declared: str) -> None:
        self.declared = declared

    def get_col_spec(self, **_: Any) -> str:
        return self.declared


class MigrationDialect(UndercroftSQLiteDialect):
    driver = "undercroft_migrations"
    is_async = False
    supports_statement_cache = True

    def __init__(self, dbapi: DBAPIModule | None = None, begin_with: str = "BEGIN", **kwargs: Any) -> None:
        super().__init__(dbapi=cast(DBAPIModule, dbapi), **kwargs)
        self._begin_with = begin_with

    def do_begin(self, dbapi_connection: Any) -> None:
        # The driver is told never to begin by itself: its older way commits before every DDL statement.
        dbapi_connection.execute(self._begin_with)

    def fact(
        self, connection: Connection, table: str, schema: str | None, info_cache: dict[Any, Any] | None = None, **_: Any
    ) -> TableFact:
        """Everything about a table, read once per inspector."""
        cache, key = info_cache if info_cache is not None else {}, ("undercroft", schema, table)
        if key not in cache:
            cache[key] = self._read_fact(connection, dotted(schema, table))
        found: TableFact = cache[key]
        return found

    def _read_fact(self, connection: Connection, name: str) -> TableFact:

        def run(sql: str, args: tuple[object, ...] = ()) -> Any:
            return connection.exec_driver_sql(sql, args).fetchall()

        def read(each: str) -> TableFact | None:
            rows = run("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (each,))
            return read_table(run, each, rows[0][0]) if rows else None

        found = read(name)
        if found is None:
            raise NoSuchTableError(name)
        around = {key.table: other for key in found.foreigns if not key.referred and (other := read(key.table))}
        return with_referred(around | {name: found})[name]

    def generic_type(self, declared: str) -> TypeEngine[Any]:
        """SQLAlchemy's type for a declared one, by SQLite's own rules."""
        resolve: Any = self._resolve_type_affinity
        found: TypeEngine[Any] = resolve(declared.upper())
        return found

    def _type(self, column: ColumnFact) -> TypeEngine[Any]:
        found = self.generic_type(column.type)
        if column.collation and hasattr(found, "collation"):
            found.collation = column.collation
        return found

    def get_columns(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        found = []
        for column in self.fact(connection, table_name, schema, **kw).columns:
            info: dict[str, Any] = {
                "name": column.name,
                "type": self._type(column),
                "nullable": not column.not_null,
                "default": column.default,
                "primary_key": column.key,
            }
            if column.generated is not None:
                info["computed"] = {"sqltext": column.generated, "persisted": column.stored}
                info["default"] = None
            found.append(info)
        return found

    def get_pk_constraint(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        fact = self.fact(connection, table_name, schema, **kw)
        return {"constrained_columns": list(fact.key), "name": fact.key_name}

    def get_foreign_keys(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        found = []
        for key in self.fact(connection, table_name, schema, **kw).foreigns:
            options = {
                "ondelete": key.on_delete,
                "onupdate": key.on_update,
                "deferrable": key.deferrable,
                "initially": key.initially,
            }
            owner, referred = undotted(key.table)
            found.append(
                {
                    "name": key.name or f"{table_name}_{'_'.join(key.columns)}_fkey",
                    "constrained_columns": list(key.columns),
                    "referred_schema": owner,
                    "referred_table": referred,
                    "referred_columns": list(key.referred),
                    "options": {name: value for name, value in options.items() if value is not None},
                }
            )
        return found

    def get_unique_constraints(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        uniques = self.fact(connection, table_name, schema, **kw).uniques
        named = [(each.name or f"{table_name}_{'_'.join(each.columns)}_key", each.columns) for each in uniques]
        return [{"name": name, "column_names": list(columns)} for name, columns in named]

    def get_check_constraints(
        self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any
    ) -> Any:
        return [
            {"name": name, "sqltext": sqltext}
            for name, sqltext in named_checks(self.fact(connection, table_name, schema, **kw))
        ]

    def get_indexes(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        found = []
        for index in self.fact(connection, table_name, schema, **kw).indexes:
            if None in index.columns:
                continue  # of expressions: compared and kept by their text
            where = _where(index.sql)
            options = {"sqlite_where": text(where)} if where else {}
            name = index.name.removeprefix(dotted(schema, ""))
            entry = {
                "name": name,
                "column_names": list(index.columns),
                "unique": index.unique,
                "dialect_options": options,
            }
            found.append(entry)
        return found

    def get_table_options(self, connection: Connection, table_name: str, schema: str | None = None, **kw: Any) -> Any:
        options = self.fact(connection, table_name, schema, **kw).options
        found = {"sqlite_strict": "strict" in options, "sqlite_with_rowid": "without rowid" not in options}
        found["sqlite_autoincrement"] = "autoincrement" in options
        return found


def named_checks(fact: TableFact) -> list[tuple[str, str]]:
    """The CHECKs with a name each, and no name twice: by its name alone Alembic can drop one, or carry it over.

    Those without a name get one from their place. SQLite allows the same name for several, Alembic keeps the last.
    """
    found: dict[str, str] = {}
    for at, each in enumerate(fact.checks, 1):
        found[free_name(each.name or f"{fact.name}_check{at}", found)] = each.text
    return list(found.items())


def free_name(name: str, taken: Container[str]) -> str:
    """The name, or the first of `name_2`, `name_3`... that is not taken."""
    names = (name if at == 1 else f"{name}_{at}" for at in count(1))
    return next(each for each in names if each not in taken)


def _where(sql: str) -> str | None:
    depth = 0
    for token in lex(sql):
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth == 0 and token.keyword == "where":
            return sql[token.end :].strip()
    return None
