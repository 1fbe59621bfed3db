"""A connection while it is lent to the event loop: used under a lock, and taken back at its end or its time limit."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from time import monotonic
from typing import Any

from undercroft.engine.errors import INTERNAL, DatabaseFault, lease_over, timed_out
from undercroft.engine.sqlite.errors import translate
from undercroft.engine.sqlite.meter import Deadline
from undercroft.engine.types import Row

_CONTROL = re.compile(r"\s*(?:begin|commit|end|rollback(?!\s+to\b)|attach|detach|vacuum)\b", re.IGNORECASE)


class Leased:
    """The lock makes sure that the owner never touches the connection while a statement of the borrower runs."""

    def __init__(self, connection: Any, deadline: Deadline, seconds: float) -> None:
        self._lock = threading.Lock()
        self._over = False
        self._too_late = False
        self.lost_by: Exception | None = None
        """The driver's error with which SQLite undid the whole transaction."""
        self.connection = connection
        deadline.at = monotonic() + seconds

    @property
    def over(self) -> bool:
        return self._over

    def end(self, *, too_late: bool = False) -> None:
        """From now on every use is refused; returns once no statement runs."""
        with self._lock:
            self._over = True
            self._too_late = too_late

    def execute(self, text: str, args: Sequence[object] = ()) -> Any:
        """The driver's cursor after a statement. Raises the driver's errors; `DatabaseFault` when the lease is over."""
        return self._guarded(self.connection.execute, text, args)

    def execute_many(self, text: str, args: Sequence[Sequence[object]]) -> Any:
        return self._guarded(self.connection.executemany, text, args)

    def all(self, text: str, args: Sequence[object] = ()) -> list[Row]:
        try:
            rows: list[Row] = self.execute(text, args).fetchall()
        except Exception as error:
            raise self.fault(error) from error
        return rows

    def one(self, text: str, args: Sequence[object] = ()) -> Row:
        try:
            row: Row | None = self.execute(text, args).fetchone()
        except Exception as error:
            raise self.fault(error) from error
        if row is None:
            raise DatabaseFault("the statement gave no row", code=INTERNAL)
        return row

    def fault(self, error: BaseException) -> BaseException:
        return translate(error, None if self._over else self.connection)

    def _guarded(self, run: Any, text: str, args: Any) -> Any:
        with self._lock:
            if self._over:
                raise timed_out() if self._too_late else lease_over()
            if _CONTROL.match(text):
                raise DatabaseFault(
                    "a statement must not begin or end the transaction that it is part of", code="2D000"
                )
            try:
                return run(text, args)
            except Exception as error:
                if not self.connection.in_transaction:
                    self._over = True  # a later statement would commit by itself
                    self.lost_by = error
                raise
