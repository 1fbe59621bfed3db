"""The statements about kept answers, compiled once for an engine's dialect."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from undercroft.engine.types import Cursor, Row
from undercroft.pipeline.tables import IDEMPOTENCY
from undercroft.sql.dialect import Dialect
from undercroft.sql.prepared import Prepared, prepare

_MOST_GONE = 500
"""Rows that one sweep takes at most."""


@dataclass(frozen=True, slots=True)
class KeyStatements:
    """What is done with the table of kept answers. Moments are microseconds."""

    known: Prepared
    """One row, always: what is kept for a key, or NULLs."""
    claimed: Prepared
    found: Prepared
    kept: Prepared
    dropped: Prepared
    freed: Prepared
    swept: Prepared

    def claim(self, cursor: Cursor, scope: str, key: str, request: str, *, now: int, expires: int) -> Row | None:
        """Take a key, in the transaction that will answer for it; a request of the same key waits for its end.

        None where the key is this transaction's now, else (request, status, headers, body) of the one before. Raises
        `DatabaseFault`.
        """
        for _ in range(3):
            values = {"scope": scope, "key": key, "request": request, "created": now, "expires": expires}
            if cursor.all(self.claimed.text, self.claimed.args(**values)):
                return None
            rows = cursor.all(self.found.text, self.found.args(scope=scope, key=key, now=now))
            if rows:
                return rows[0]
            # It has outlived its time, or whoever had it was undone meanwhile.
            cursor.all(self.dropped.text, self.dropped.args(scope=scope, key=key, now=now))
        raise AssertionError("a key that is neither free nor taken")

    def keep(self, cursor: Cursor, scope: str, key: str, status: int, headers: str, body: bytes) -> None:
        """Store the answer of a key that `claim` took in this transaction. Raises `DatabaseFault`."""
        values = {"scope": scope, "key": key, "status": status, "headers": headers, "body": body}
        cursor.all(self.kept.text, self.kept.args(**values))

    def free(self, cursor: Cursor, scope: str, key: str) -> None:
        """Give back a key that `claim` took in this transaction. Raises `DatabaseFault`."""
        cursor.all(self.freed.text, self.freed.args(scope=scope, key=key))

    def sweep(self, cursor: Cursor, now: int) -> None:
        """Delete some of what has outlived its time. Raises `DatabaseFault`."""
        cursor.all(self.swept.text, self.swept.args(now=now))


def key_statements(dialect: Dialect) -> KeyStatements:
    """Compile them."""
    table = IDEMPOTENCY
    scope, key, now = sa.bindparam("scope", type_=sa.Text), sa.bindparam("key", type_=sa.Text), _moment("now")
    own = sa.and_(table.c.scope == scope, table.c.key == key)
    answer = (table.c.request, table.c.status, table.c.headers, table.c.body)
    one = sa.select(sa.literal_column("1").label("one")).subquery("one")
    new = sa.insert(table).values(
        scope=scope,
        key=key,
        request=sa.bindparam("request", type_=sa.Text),
        created=_moment("created"),
        expires=_moment("expires"),
    )
    answered = sa.update(table).where(table.c.scope == scope, table.c.key == key)
    old = sa.select(table.c.scope, table.c.key).where(table.c.expires <= now).limit(_MOST_GONE)
    statements = (
        sa.select(*answer).select_from(one.outerjoin(table, sa.and_(own, table.c.expires > now))),
        dialect.upsert(new, [table.c.scope, table.c.key], None, {}).returning(table.c.status),
        sa.select(*answer).where(own, table.c.expires > now),
        answered.values(
            status=sa.bindparam("status", type_=sa.Integer),
            headers=sa.bindparam("headers", type_=sa.Text),
            body=sa.bindparam("body", type_=sa.LargeBinary),
        ),
        sa.delete(table).where(own, table.c.expires <= now),
        sa.delete(table).where(own),
        # Two sweeps at once take different rows, where there can be two at all.
        sa.delete(table).where(sa.tuple_(table.c.scope, table.c.key).in_(old.with_for_update(skip_locked=True))),
    )
    return KeyStatements(*(prepare(each, dialect.sqlalchemy) for each in statements))


def _moment(name: str) -> sa.BindParameter[int]:
    return sa.bindparam(name, type_=sa.BigInteger)
