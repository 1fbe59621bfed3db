"""SQLite's errors as faults with PostgreSQL's codes.

SQLite says what happened in its message only (pysqlite3 does not report extended result codes), so messages are read
here and nowhere else. No fault carries a stored value, and none the text of a statement.
"""

from __future__ import annotations

import re
from typing import Any

from undercroft.base.faults import Fault
from undercroft.engine import errors as sqlstate
from undercroft.engine.errors import DatabaseFault, timed_out
from undercroft.engine.sqlite.casting import told_fault
from undercroft.sql.sqlite.texts import REGEX

_UNIQUE = re.compile(r"UNIQUE constraint failed: (.*)", re.DOTALL)
_NOT_NULL = re.compile(r"NOT NULL constraint failed: (.*)\.([^.]*)", re.DOTALL)
_CHECK = re.compile(r"CHECK constraint failed: (.*)", re.DOTALL)
_STRICT_TYPE = re.compile(r"cannot store (\w+) value in (\w+) column (.*)\.([^.]*)", re.DOTALL)
_PLAIN = {
    "ON CONFLICT clause does not match any PRIMARY KEY or UNIQUE constraint": (
        "42P10",
        "there is no unique or exclusion constraint matching the ON CONFLICT specification",
    ),
    "interrupted": (sqlstate.CANCELED, "canceling statement due to statement timeout"),
    "database or disk is full": (sqlstate.DISK_FULL, "the disk is full: nothing was written"),
    "disk I/O error": (sqlstate.IO_ERROR, "the disk reported an error: nothing was acknowledged"),
    "unable to open database file": (sqlstate.IO_ERROR, "the database file cannot be opened"),
    "database disk image is malformed": (sqlstate.CORRUPTED, "the database file is damaged"),
    "file is not a database": (sqlstate.CORRUPTED, "the database file is damaged"),
    "attempt to write a readonly database": (
        sqlstate.READ_ONLY,
        "cannot execute a writing statement in a read-only transaction",
    ),
    "string or blob too big": (sqlstate.TOO_BIG, "a value is too big"),
    "too many SQL variables": (sqlstate.TOO_BIG, "the statement has too many values"),
    "integer overflow": (sqlstate.OUT_OF_RANGE, "bigint out of range"),
    "malformed JSON": (sqlstate.BAD_TEXT, "invalid input syntax for type json"),
    "datatype mismatch": (sqlstate.BAD_TEXT, "a value does not have its column's type"),
    "FOREIGN KEY constraint failed": (
        sqlstate.FOREIGN_KEY,
        "insert, update or delete on table violates foreign key constraint",
    ),
}
_RETRY_AFTER = {sqlstate.DISK_FULL: 5, sqlstate.IO_ERROR: 5}


def translate(error: BaseException, connection: Any = None) -> BaseException:
    """The fault for a driver's error; anything else comes back as it is.

    `connection`, where there is one to ask, is used to find the name of a violated constraint.
    """
    if isinstance(error, Fault) or not isinstance(error, Exception):
        return error
    if isinstance(error, OverflowError) and "SQLite INTEGER" in str(error):
        return _caused(DatabaseFault("bigint out of range", code=sqlstate.OUT_OF_RANGE), error)
    if isinstance(error, UnicodeEncodeError):
        return _caused(DatabaseFault("invalid byte sequence for encoding UTF8", code="22021"), error)
    if not _is_driver_error(error):
        return error
    if str(error) == "user-defined function raised exception" and connection is not None:
        told = told_fault(connection)
        if told is not None:
            return _caused(told, error)
    fault = _fault(str(error), connection)
    if fault.code == sqlstate.INTERNAL and type(error).__name__ == "IntegrityError":
        fault = DatabaseFault(str(error), code=sqlstate.RAISED)  # RAISE in a trigger: the schema's own words
    return _caused(fault, error)


def is_timeout(fault: BaseException) -> bool:
    return isinstance(fault, Fault) and fault.code == sqlstate.CANCELED


def _is_driver_error(error: BaseException) -> bool:
    # Both modules' Error classes have this name; neither module need be imported here.
    return any(base.__name__ == "Error" and "sqlite3" in base.__module__ for base in type(error).__mro__)


def _caused(fault: DatabaseFault, error: BaseException) -> DatabaseFault:
    fault.__cause__ = error
    return fault


def _fault(message: str, connection: Any) -> DatabaseFault:
    if message in _PLAIN:
        code, text = _PLAIN[message]
        return (
            timed_out()
            if code == sqlstate.CANCELED
            else DatabaseFault(text, code=code, retry_after=_RETRY_AFTER.get(code))
        )
    if found := _UNIQUE.fullmatch(message):
        return _unique(found[1], connection)
    if found := _NOT_NULL.fullmatch(message):
        return DatabaseFault(
            f'null value in column "{found[2]}" of relation "{_bare(found[1])}" violates not-null constraint',
            code=sqlstate.NOT_NULL,
        )
    if found := _CHECK.fullmatch(message):
        return _check(found[1], connection)
    if found := _STRICT_TYPE.fullmatch(message):
        return DatabaseFault(
            f'invalid input syntax for type {found[2].lower()} in column "{found[4]}"', code=sqlstate.BAD_TEXT
        )
    if message == f"no such function: {REGEX}":
        return DatabaseFault(
            "regular expressions are not supported here: their library is not installed",
            code="0A000",
            hint="Install it with: pip install 'undercroft[regex]'",
        )
    if "is locked" in message or "database schema is locked" in message:
        return DatabaseFault("another process holds the database's write lock", code=sqlstate.LOCKED, retry_after=1)
    if message.startswith("too many") or "too large" in message or "parser stack overflow" in message:
        return DatabaseFault("the statement is too large for the database", code=sqlstate.TOO_BIG)
    return DatabaseFault("the database could not carry out the statement", code=sqlstate.INTERNAL)


def _unique(columns: str, connection: Any) -> DatabaseFault:
    if columns.startswith("index '"):
        return DatabaseFault(f'duplicate key value violates unique constraint "{columns[7:-1]}"', code=sqlstate.UNIQUE)
    table, names = _table_and_columns(columns)
    name = _constraint_name(connection, table, names) or f"{_bare(table)}_{'_'.join(names)}_key"
    return DatabaseFault(
        f'duplicate key value violates unique constraint "{name}"',
        code=sqlstate.UNIQUE,
        details=f"Key ({', '.join(names)}) already exists.",
    )


def _check(name: str, connection: Any) -> DatabaseFault:
    """SQLite gives the constraint's name, or its expression where it has none; and not the table."""
    tables = _tables_with_check(connection, name)
    relation = f' for relation "{_bare(tables[0])}"' if len(tables) == 1 else ""
    if not re.fullmatch(r"\w+", name):
        name = f"{_bare(tables[0])}_check" if len(tables) == 1 else "check"
    return DatabaseFault(f'new row{relation} violates check constraint "{name}"', code=sqlstate.CHECK)


def _table_and_columns(text: str) -> tuple[str, list[str]]:
    parts = [part.rpartition(".") for part in text.split(", ")]
    return parts[0][0], [column for _, _, column in parts]


def _bare(table: str) -> str:
    """PostgreSQL names a relation without its schema."""
    return table.rpartition(".")[2]


def _constraint_name(connection: Any, table: str, columns: list[str]) -> str | None:
    if connection is None:
        return None
    key = sorted((row[5], row[1]) for row in _ask(connection, "SELECT * FROM pragma_table_info(?)", table) if row[5])
    is_primary = [column for _, column in key] == columns
    for _, index, unique, origin, *_ in _ask(connection, "SELECT * FROM pragma_index_list(?)", table):
        if unique and origin == "c":
            found = [row[2] for row in _ask(connection, "SELECT * FROM pragma_index_info(?)", index)]
            if found == columns:
                return _bare(str(index))
    sql = "".join(row[0] or "" for row in _ask(connection, "SELECT sql FROM sqlite_master WHERE name = ?", table))
    kind = r"PRIMARY\s+KEY" if is_primary else "UNIQUE"
    listed = r"\s*,\s*".join(rf'"?{re.escape(column)}"?' for column in columns)
    named = re.search(rf'CONSTRAINT\s+(?:"([^"]+)"|(\w+))\s+{kind}\s*\(\s*{listed}\s*\)', sql, re.IGNORECASE)
    if named:
        return named[1] or named[2]
    return f"{_bare(table)}_pkey" if is_primary else None


def _tables_with_check(connection: Any, name: str) -> list[str]:
    if connection is None:
        return []
    rows = _ask(
        connection, "SELECT name FROM sqlite_master WHERE type = 'table' AND instr(sql, ?) AND sql LIKE '%check%'", name
    )
    return [row[0] for row in rows]


def _ask(connection: Any, text: str, value: str) -> list[tuple[Any, ...]]:
    try:
        rows: list[tuple[Any, ...]] = connection.execute(text, (value,)).fetchall()
    except Exception as error:
        if not _is_driver_error(error):
            raise
        return []  # only the constraint's name is lost
    return rows
