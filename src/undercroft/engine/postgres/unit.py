"""Statements on a lent connection: a cursor for units of work, which waits without holding up the loop where it can.

A unit is plain Python. Run in a greenlet, its statements are awaited by the task that runs it; called by code that
awaits nothing, they hold up the loop.
"""

from __future__ import annotations

import re
from asyncio import Future
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy.util.concurrency import await_, in_greenlet

from undercroft.engine.errors import INTERNAL, DatabaseFault, lease_over, timed_out
from undercroft.engine.postgres.connection import Connection, Step
from undercroft.engine.postgres.values import dumped
from undercroft.engine.types import Local, Row

_CONTROL = re.compile(
    r"\s*(?:begin|start\s+transaction|commit|end|abort|rollback(?!\s+to\b)|prepare\s+transaction|discard|deallocate)\b",
    re.IGNORECASE,
)

FOREVER = float("inf")


def opening(
    local: Local | None, *, read_only: bool, settings: Sequence[tuple[str, str]], snapshot: bool = False
) -> list[Step]:
    """The statements that begin a transaction, all sent with the first one of its own."""
    isolation = local.isolation if local is not None and local.isolation else "REPEATABLE READ" if snapshot else None
    level = f"ISOLATION LEVEL {isolation} " if isolation else ""
    return [(f"BEGIN {level}{'READ ONLY' if read_only else 'READ WRITE'}", ()), *holding(local, settings)]


def holding(local: Local | None, settings: Sequence[tuple[str, str]]) -> list[Step]:
    """The statements by which a transaction comes to what holds for it."""
    given = [*settings]
    if local is not None:
        given += local.settings
        if local.role is not None:
            # Last: what has been granted to the connecting role to set (GRANT SET ON PARAMETER), its roles may not.
            given.append(("role", local.role))
    steps: list[Step] = []
    if given:
        names, values = zip(*given, strict=True)
        steps.append((_setting(names), dumped(values)))
    if local is not None:
        steps += [(text, ()) for text in local.before]
    return steps


@lru_cache(256)
def _setting(names: tuple[str, ...]) -> str:
    """Gives these settings their values for a transaction."""
    quoted = [name.replace("'", "''") for name in names]
    calls = [f"set_config('{name}', ${place}, true)" for place, name in enumerate(quoted, start=1)]
    return f"SELECT {', '.join(calls)}"


class PostgresCursor:
    """The cursor of one transaction. `first` goes along with the first statement, as does what is put off later."""

    __slots__ = ("_connection", "_first", "_until", "begun", "over")

    def __init__(self, connection: Connection, first: list[Step], until: float = FOREVER) -> None:
        self._connection = connection
        self._first = first
        self._until = until
        """On the loop's clock."""
        self.begun = not first
        self.over = False

    def all(self, text: str, args: Sequence[object] = ()) -> list[Row]:
        return self._connection.rows(text, self._run(text, args))

    def one(self, text: str, args: Sequence[object] = ()) -> Row:
        row = self._connection.row(text, self._run(text, args))
        if row is None:
            raise DatabaseFault("the statement gave no row", code=INTERNAL)
        return row

    def _run(self, text: str, args: Sequence[object]) -> Any:
        connection = self._connection
        waiter = self._post(self._step(text, args))
        results = await_(waiter) if in_greenlet() else connection.drive(waiter, self._until)
        return connection.checked(results)[-1]

    def put_off(self, text: str, args: Sequence[object] = ()) -> None:
        """Have a statement go along with the next one, or with the commit."""
        self._first.append(self._step(text, args))

    def put_by(self) -> list[Step]:
        """What was put off: the caller sends it now, or it is not to be done at all."""
        steps, self._first = self._first, []
        return steps

    async def catch_up(self) -> None:
        """Send what was put off, where its place among the others matters. Raises `DatabaseFault`."""
        if self._first:
            self._connection.checked(await self._post())

    def _post(self, *steps: Step) -> Future[list[Any]]:
        waiter = self._connection.post([*self._first, *steps])
        # Not before: a busy connection refuses them, and they are still to be sent then.
        self._first, self.begun = [], True
        return waiter

    def _step(self, text: str, args: Sequence[object]) -> Step:
        self.check()
        if _CONTROL.match(text):
            raise DatabaseFault("a statement must not begin or end the transaction it is part of", code="2D000")
        return text, dumped(args)

    def check(self) -> None:
        """Raises `DatabaseFault` once the transaction is over or late."""
        if self.over:
            raise lease_over()
        if self._until != FOREVER and self._connection.now() > self._until:
            raise timed_out()
