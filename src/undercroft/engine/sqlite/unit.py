"""One piece of writing in a batch: a savepoint, the work in it, and the answer that waits for the commit."""

from __future__ import annotations

from asyncio import Future
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Any, Generic, Protocol, TypeVar

from undercroft.engine.errors import INTERNAL, DatabaseFault, transaction_lost
from undercroft.engine.sqlite.errors import translate
from undercroft.engine.sqlite.meter import FOREVER, Deadline
from undercroft.engine.types import Cursor, Row

T = TypeVar("T")

SAVE = "SAVEPOINT undercroft_unit"
UNDO = "ROLLBACK TO undercroft_unit"
KEEP = "RELEASE undercroft_unit"


class Member(Protocol):
    """What takes part in a batch: a `Unit` or a lease. `attempt` is called by the writer, the rest by the loop."""

    future: Future[Any]
    fault: BaseException | None
    repeatable: bool

    def attempt(self, connection: Any, deadline: Deadline) -> None:
        """Do the work in a savepoint; what goes wrong is left in `fault`. The transaction may be gone afterwards."""
        ...

    def settle(self) -> None:
        """Answer: with `fault`, or with the result."""
        ...


class Unit(Generic[T]):
    """A function that writes through a cursor."""

    __slots__ = ("_rollback", "_seconds", "_value", "_work", "fault", "future")

    repeatable = True

    def __init__(self, work: Callable[[Cursor], T], future: Future[T], seconds: float, *, rollback: bool) -> None:
        self._work = work
        self._rollback = rollback
        self._seconds = seconds
        self._value: T | None = None
        self.future = future
        self.fault: BaseException | None = None

    def attempt(self, connection: Any, deadline: Deadline) -> None:
        self.fault = None
        connection.execute(SAVE)
        deadline.at = monotonic() + self._seconds
        try:
            self._value = self._work(UnitCursor(connection))
        except BaseException as error:  # whatever it is, it belongs to the waiter and not to the writer's thread
            self.fault = translate(error, connection)
        deadline.at = FOREVER
        if not connection.in_transaction:
            self.fault = self.fault or transaction_lost()
            return
        if self._rollback or self.fault is not None:
            connection.execute(UNDO)
        connection.execute(KEEP)

    def settle(self) -> None:
        if self.future.done():  # cancelled: nobody waits
            return
        if self.fault is not None:
            self.future.set_exception(self.fault)
        else:
            self.future.set_result(self._value)  # type: ignore[arg-type]  # set by attempt


class UnitCursor:
    """The cursor of one savepoint."""

    __slots__ = ("_connection", "_execute")

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._execute = connection.execute

    def all(self, text: str, args: Sequence[object] = ()) -> list[Row]:
        try:
            rows: list[Row] = self._execute(text, args).fetchall()
        except Exception as error:
            raise self._failed(error) from error
        return rows

    def one(self, text: str, args: Sequence[object] = ()) -> Row:
        try:
            row: Row | None = self._execute(text, args).fetchone()
        except Exception as error:
            raise self._failed(error) from error
        if row is None:
            raise DatabaseFault("the statement gave no row", code=INTERNAL)
        return row

    def _failed(self, error: Exception) -> BaseException:
        if not self._connection.in_transaction:
            self._execute = _refuse  # SQLite has undone the whole transaction: a later write would commit by itself
            return translate(error)
        return translate(error, self._connection)


def _refuse(text: str, args: Sequence[object]) -> Any:
    raise transaction_lost()
