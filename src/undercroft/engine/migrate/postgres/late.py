# ruff: noqa: S608  names are quoted or constant, and values are literals
"""What a revision leaves to be done after its commit, noted in the transaction of the revision itself.

Indexes are made CONCURRENTLY and constraints are looked up without keeping anybody from writing; neither can be a part
of a transaction. A crash in between loses nothing: whoever migrates next does first what stands here.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection

from undercroft.engine.migrate.facts import OURS, quoted
from undercroft.engine.migrate.ground import runner
from undercroft.engine.migrate.postgres.copying import literal

TABLE = f"{OURS}.late"


class LateStep(NamedTuple):
    """One statement, a query with a row where it has been done, and one that gives the undoing of a half of it."""

    statement: str
    done: str = ""
    half: str = ""


@dataclass(frozen=True, slots=True)
class Late:
    """Statements that run one by one, each by itself."""

    label: str
    steps: tuple[LateStep, ...]
    number: int = 0


def note(connection: Connection, late: Late) -> None:
    """Within the transaction of the change."""
    connection.exec_driver_sql(
        f"CREATE TABLE IF NOT EXISTS {TABLE} (number bigserial PRIMARY KEY, label text NOT NULL, steps text NOT NULL)"
    )
    values = (late.label, json.dumps(late.steps))
    connection.exec_driver_sql(f"INSERT INTO {TABLE} (label, steps) VALUES (%s, %s)", values)


def waiting(connection: Connection) -> list[Late]:
    """What has been noted and not done yet."""
    if connection.exec_driver_sql("SELECT pg_catalog.to_regclass(%s)", (TABLE,)).scalar() is None:
        return []
    rows = connection.exec_driver_sql(f"SELECT number, label, steps FROM {TABLE} ORDER BY number")
    return [Late(label, tuple(LateStep(*step) for step in json.loads(steps)), number) for number, label, steps in rows]


def do(connection: Connection, late: Late, run: Callable[[str], object]) -> None:
    """Run it on a connection without transactions, from the first statement that has not been done, and cross it out.

    `run` runs one statement, and knows what to do where others are in the way.
    """
    ask = runner(connection)
    for step in late.steps:
        if step.done and ask(step.done):
            continue
        for (half,) in ask(step.half) if step.half else ():
            run(half)
        run(step.statement)
    connection.exec_driver_sql(f"DELETE FROM {TABLE} WHERE number = %s", (late.number,))


def index_step(statement: str, table: str, index: str) -> LateStep:
    """An index that is made CONCURRENTLY; `table` as it stands in statements, `index` as it is."""
    found = (
        "FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid "
        "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE i.indrelid = pg_catalog.to_regclass({literal(table)}) AND c.relname = {literal(index)}"
    )
    drop = "'DROP INDEX CONCURRENTLY ' || quote_ident(n.nspname) || '.' || quote_ident(c.relname)"
    return LateStep(statement, f"SELECT 1 {found} AND i.indisvalid", f"SELECT {drop} {found} AND NOT i.indisvalid")


def add_step(table: str, constraint: str, definition: str) -> LateStep:
    """A constraint that is added."""
    text = f"ALTER TABLE {table} ADD CONSTRAINT {quoted(constraint)} {definition}"
    return LateStep(text, f"SELECT 1 {_constraint(table, constraint)}")


def validate_step(table: str, constraint: str) -> LateStep:
    """All rows are looked at, for a constraint that so far only new ones are held to."""
    text = f"ALTER TABLE {table} VALIDATE CONSTRAINT {quoted(constraint)}"
    gone = f"SELECT 1 WHERE NOT EXISTS (SELECT 1 {_constraint(table, constraint)})"
    return LateStep(text, gone)


def drop_step(table: str, constraint: str) -> LateStep:
    """A constraint that has served its purpose."""
    return LateStep(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {quoted(constraint)}")


def _constraint(table: str, name: str) -> str:
    where = f"conrelid = pg_catalog.to_regclass({literal(table)}) AND conname = {literal(name)}"
    return f"FROM pg_catalog.pg_constraint WHERE {where}"
