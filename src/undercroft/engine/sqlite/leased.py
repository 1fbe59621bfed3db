"""A connection while it is lent to the event loop: used under a lock, and taken back at its end or its time limit."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from undercroft.engine.errors import INTERNAL, DatabaseFault, lease_over, timed_out
from undercroft.engine.sqlite.errors import is_timeout, translate
from undercroft.engine.sqlite.meter import Deadline, works_in_python
from undercroft.engine.types import Row

T = TypeVar("T")

_CONTROL = re.compile(r"\s*(?:begin|commit|end|rollback(?!\s+to\b)|attach|detach|vacuum)\b", re.IGNORECASE)


class Answer(NamedTuple):
    """All that a statement gave, as DB-API names it; read to the end, so that nothing stays open across an await."""

    rows: list[Row]
    description: Any
    rowcount: int
    lastrowid: int | None


class Leased:
    """The lock makes sure that the owner never touches the connection while a statement of the borrower runs."""

    def __init__(self, connection: Any, deadline: Deadline, seconds: float) -> None:
        self._lock = threading.Lock()
        self._deadline = deadline
        self._connection = connection
        self._over = False
        self._too_late = False
        self.lost_by: BaseException | None = None
        """The fault with which SQLite undid the whole transaction."""
        deadline.at = monotonic() + seconds

    @property
    def over(self) -> bool:
        return self._over

    def end(self, *, too_late: bool = False) -> None:
        """From now on every use is refused; returns once no statement runs."""
        with self._lock:
            self._over = True
            self._too_late = too_late

    def stop(self) -> None:
        """Interrupt the statement that runs on another thread; the next one is not touched."""
        self._deadline.stopped = True

    # --- statements, with the faults of this house ------------------------------------------------------------------

    def all(self, text: str, args: Sequence[object] = ()) -> list[Row]:
        rows: list[Row] = self._translated(text, lambda: self._connection.execute(text, args).fetchall())
        return rows

    def one(self, text: str, args: Sequence[object] = ()) -> Row:
        row: Row | None = self._translated(text, lambda: self._connection.execute(text, args).fetchone())
        if row is None:
            raise DatabaseFault("the statement gave no row", code=INTERNAL)
        return row

    def _translated(self, text: str, run: Callable[[], T]) -> T:
        try:
            return self._guarded(text, run)
        except Exception as error:
            raise fault_of(error) from error

    # --- statements, with the driver's own errors, as SQLAlchemy expects them ---------------------------------------

    def answer(self, text: str, args: Sequence[object] = (), *, many: bool = False) -> Answer:
        try:
            return self._guarded(text, lambda: self._run(text, args, many=many))
        except (OverflowError, UnicodeEncodeError) as error:
            # A value that the driver cannot hand over: none of its own errors, so SQLAlchemy would let it pass.
            raise fault_of(error) from error

    def short_answer(self, text: str, args: Sequence[object], allowance: int) -> Answer | None:
        """As `answer`, for a statement that only reads; None where it takes more than `allowance` ticks, or may."""
        if works_in_python(text):
            return None
        self._deadline.left = allowance
        try:
            return self.answer(text, args)
        except Exception as error:
            if self._deadline.left < 0 and not self._over and is_timeout(fault_of(error)):
                return None
            raise
        finally:
            self._deadline.unlimit()

    def _run(self, text: str, args: Sequence[object], *, many: bool) -> Answer:
        cursor = self._connection.executemany(text, args) if many else self._connection.execute(text, args)
        rows = cursor.fetchall() if cursor.description else []
        return Answer(rows, cursor.description, cursor.rowcount, cursor.lastrowid)

    def _guarded(self, text: str, run: Callable[[], T]) -> T:
        with self._lock:
            if self._over:
                raise timed_out() if self._too_late else lease_over()
            if _CONTROL.match(text):
                raise DatabaseFault("a statement must not begin or end the transaction it is part of", code="2D000")
            self._deadline.stopped = False
            try:
                return run()
            except Exception as error:
                lost = not self._connection.in_transaction
                fault = translate(error, None if lost else self._connection)
                if fault is not error:
                    error.fault = fault  # type: ignore[attr-defined]  # found now, while the constraint can be looked up
                if lost:
                    self._over = True  # a later statement would commit by itself
                    self.lost_by = fault
                raise


def fault_of(error: BaseException) -> BaseException:
    """The fault for an error of a leased connection."""
    fault: BaseException = getattr(error, "fault", None) or translate(error)
    return fault
