"""How PostgreSQL's schemas are read, tried and named.

A scratch is a part of a transaction that is taken back: in it the app's schemas are put aside by renaming them, and
new, empty ones stand in their place. Nobody else sees any of it, no rubbish can be left behind, and it takes no right
but that of making schemas. What lies in `public` stays in sight behind the scratch, for the sake of extensions' types.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

from sqlalchemy import Connection, MetaData
from sqlalchemy.schema import CheckFirst

from undercroft.engine.migrate.facts import OURS, ColumnFact, Run, TableFact, quoted
from undercroft.engine.migrate.ground import Book, runner
from undercroft.engine.migrate.postgres.copying import literal, statements
from undercroft.engine.migrate.postgres.facts import named, read_facts
from undercroft.engine.migrate.postgres.needs import create_schema, create_types

BOOK = Book(f"{OURS}.schema", f"{OURS}.revision", "SELECT 1 WHERE pg_catalog.to_regclass(%s) IS NOT NULL", "%s", OURS)

_SCHEMAS = """
SELECT n.nspname, pg_catalog.pg_has_role(current_user, n.nspowner, 'USAGE')
       AND n.nspname <> ALL (pg_catalog.current_schemas(false))
       AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_extension e WHERE e.extnamespace = n.oid)
FROM pg_catalog.pg_namespace n WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' ORDER BY 1
"""


@dataclass(slots=True)
class PostgresGround:
    """The ground of one connection. `trying` counts the scratches that are open, one inside the other."""

    big_bytes: int
    trying: int = 0
    hidden: frozenset[str] = field(default_factory=frozenset)
    """Schemas that a scratch does not know of."""

    @property
    def book(self) -> Book:
        return BOOK

    def facts(self, connection: Connection) -> dict[str, TableFact]:
        return read_facts(runner(connection), self.hidden)

    @contextmanager
    def scratch(self, connection: Connection) -> Iterator[Connection]:
        dialect: Any = connection.dialect
        before = (self.trying, self.hidden, dialect.default_schema_name)
        point = connection.begin_nested()
        try:
            self._clear(connection)
            yield connection
        finally:
            point.rollback()
            self.trying, self.hidden, dialect.default_schema_name = before

    def _clear(self, connection: Connection) -> None:
        run = runner(connection)
        self.trying += 1
        name, path = f"{OURS}_scratch_{self.trying}", run("SHOW search_path")[0][0]
        found = run(_SCHEMAS)
        for at, (schema, movable) in enumerate(found):
            if movable:
                run(f"ALTER SCHEMA {quoted(schema)} RENAME TO {quoted(f'{OURS}_aside_{self.trying}_{at}')}")
        self.hidden = frozenset(schema for schema, movable in found if not movable)
        run(f"CREATE SCHEMA {quoted(name)}")
        run(f"CREATE SCHEMA {quoted(OURS)}")
        run(f"SET LOCAL search_path = {quoted(name)}, {path}")
        cast(Any, connection.dialect).default_schema_name = name

    def copied(self, connection: Connection) -> Callable[[Connection], None]:
        facts = self.facts(connection)

        def copy(target: Connection) -> None:
            for statement in statements(facts):
                runner(target)(statement)

        return copy

    def is_bare(self, connection: Connection) -> bool:
        return not self.facts(connection)

    def create_all(
        self, connection: Connection, target: MetaData, tell: Callable[[int, str], None] | None = None
    ) -> None:
        for schema in sorted({table.schema for table in target.tables.values() if table.schema}):
            create_schema(connection, schema)
        for done, table in enumerate(target.tables.values()):
            if tell is not None:
                tell(done, table.fullname)
            create_types(connection, table.columns)
        target.create_all(connection, checkfirst=CheckFirst.TYPES)

    def named(self, name: str) -> str:
        return named(name)

    def misfit(self, to: ColumnFact, run: Run) -> str | None:
        """Known since PostgreSQL 16; before that, what does not fit fails, and nothing is kept."""
        if to.members is not None:
            return f"v::text NOT IN ({', '.join(map(literal, to.members))})"
        asks = run("SELECT 1 FROM pg_catalog.pg_proc WHERE proname = 'pg_input_is_valid'")
        return f"NOT pg_catalog.pg_input_is_valid(v::text, {literal(to.type)})" if asks else None

    def cookie(self, connection: Connection) -> str:
        """A digest of the facts, since the server counts nothing of the kind."""
        facts = self.facts(connection)
        return hashlib.sha256(repr(sorted(facts.items())).encode()).hexdigest()

    def breaks_transaction(self, cursor: Any) -> bool:
        return bool(cursor.connection.info.transaction_status == 0)
