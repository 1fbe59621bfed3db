"""Runs revision code on a connection and watches what it does: its statements, what it renames, what it would
destroy.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, event

from undercroft.engine.migrate.alembic_context import make_context, operations
from undercroft.engine.migrate.ddltext import lex
from undercroft.engine.migrate.errors import RevisionBroken
from undercroft.engine.migrate.facts import OURS, Facts, changes_form
from undercroft.engine.migrate.ground import facts_of, ground_of
from undercroft.engine.migrate.rebuild import TEMPORARY

_CHANGING = re.compile(r"\s*(create|alter|drop|insert|update|delete|replace)\b", re.IGNORECASE)


@dataclass(slots=True)
class Watched:
    """What happened on a connection. Names are SQLite's; old ones are those at the start."""

    statements: list[str] = field(default_factory=list)
    tables: dict[str, str] = field(default_factory=dict)
    """New name to old name, of renamed tables."""
    columns: dict[tuple[str, str], str] = field(default_factory=dict)
    """(table, new name) to old name, of renamed columns."""
    deleted_from: list[str] = field(default_factory=list)
    rebuilt: set[str] = field(default_factory=set)
    losses: tuple[str, ...] = ()


@contextmanager
def watched(
    connection: Connection, on_statement: Callable[[str], None] | None = None, **opts: Any
) -> Iterator[tuple[Watched, MigrationContext]]:
    """While it lasts, `from alembic import op` works on this connection, and everything is noted; the losses, at the
    end.

    `opts` go to Alembic's context, which is given with what is noted.
    """
    seen, ground = Watched(), ground_of(connection)
    before = facts_of(connection)

    def note(conn: Any, cursor: Any, statement: str, parameters: Any, context: Any, executemany: bool) -> None:
        if ground.breaks_transaction(cursor):
            raise RevisionBroken(
                "the transaction of the migration has ended under it: the database undid it, or a statement ended it",
                hint="A revision neither commits nor rolls back; it is one transaction by itself.",
            )
        if not _CHANGING.match(statement) or OURS in statement:
            return
        if on_statement is not None:
            on_statement(statement)
        seen.statements.append(statement.strip())
        _follow(statement, seen)

    context = make_context(connection, **opts)
    event.listen(connection, "before_cursor_execute", note)
    try:
        with operations(context):
            yield seen, context
    finally:
        event.remove(connection, "before_cursor_execute", note)
    impl: Any = context.impl
    seen.rebuilt |= impl.rebuilt
    for (table, new), old in impl.renamed_within.items():
        seen.columns[table, new] = seen.columns.pop((table, old), old)
    seen.losses = losses(before, facts_of(connection), seen)


def _follow(statement: str, seen: Watched) -> None:
    tokens = lex(statement)
    words = [token.keyword for token in tokens]
    if words[0] == "delete" and len(tokens) > 2:
        seen.deleted_from.append(tokens[2].value)
    if words[:2] != ["alter", "table"] or "rename" not in words[3:4]:
        return
    table = tokens[2].value
    if table.startswith(TEMPORARY) or f".{TEMPORARY}" in table:
        return
    if words[4] == "to":
        new = tokens[5].value
        seen.tables[new] = seen.tables.pop(table, table)
        for old_table, column in [key for key in seen.columns if key[0] == table]:
            seen.columns[new, column] = seen.columns.pop((old_table, column))
    else:
        at = 5 if words[4] == "column" and "to" in words[6:7] else 4
        old, new = tokens[at].value, tokens[at + 2].value
        seen.columns[table, new] = seen.columns.pop((table, old), old)


def losses(before: Facts, after: Facts, seen: Watched) -> tuple[str, ...]:
    """What was there and is no more: tables, columns, the form of values, rows deleted by hand."""
    found = []
    now = {seen.tables.get(name, name): name for name in after}
    for name, fact in before.items():
        if name not in now:
            found.append(f"drops table {name}")
            continue
        new = now[name]
        kept = {seen.columns.get((new, column.name), column.name): column for column in after[new].columns}
        for column in fact.columns:
            if column.name not in kept:
                found.append(f"drops column {name}.{column.name}")
                continue
            if changes_form(column, kept[column.name]):
                found.append(f"changes the type of {name}.{column.name} from {column.type} to {kept[column.name].type}")
    found += [
        f"deletes rows of {name}" for name in seen.deleted_from if name in before and not name.startswith("sqlite_")
    ]
    return tuple(found)


def run_code(body: str, imports: frozenset[str] = frozenset()) -> None:
    """Run the body of an `upgrade()` or `downgrade()` as it would stand in a file; inside `watched`."""
    head = "\n".join(["from alembic import op", "import sqlalchemy as sa", *sorted(imports)])
    exec(compile(f"{head}\n{body}", "<migration>", "exec"), {})  # noqa: S102  text that `render` wrote
