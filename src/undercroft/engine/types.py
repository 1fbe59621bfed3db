"""What the house may ask of a database, whichever it is: the protocols `Engine` and `Transaction`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from sqlalchemy.engine import Connection, Dialect
from sqlalchemy.ext.asyncio import AsyncSession

Row = tuple[Any, ...]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Local:
    """What holds for one transaction only, set in the same round trip as its first statement: for databases that
    judge the caller themselves. SQLite has none of it.
    """

    role: str | None = None
    """`SET LOCAL ROLE`."""
    settings: tuple[tuple[str, str], ...] = ()
    """Run-time settings by name (`request.jwt.claims`, `search_path`), as by `set_config(…, is_local => true)`."""
    read_only: bool = False
    """Refuse writes; reads are read-only anyway where this is not given."""
    isolation: str | None = None
    """`REPEATABLE READ` or another level; None for the database's default."""
    before: tuple[str, ...] = ()
    """Statements to run after the settings and before the first one, such as a call of a pre-request function."""


class Cursor(Protocol):
    """Given to a unit of work: statements run at once, inside the unit's own savepoint or transaction.

    A failed statement may be all that its unit can do: PostgreSQL refuses what comes after it (25P02).
    """

    def all(self, text: str, args: Sequence[object] = ()) -> list[Row]:
        """Every row of a statement. Raises `DatabaseFault`."""
        ...

    def one(self, text: str, args: Sequence[object] = ()) -> Row:
        """The first row of a statement that gives exactly one. Raises `DatabaseFault`."""
        ...


class Transaction(Protocol):
    """For Python logic: the lease of the writer, or a snapshot when `read_only`. Statements run on the loop's thread.

    `all`, `one` and `run` hold up the loop where they are called by async code: there, `await perform(…)` is better.
    After the end, or after the time limit, every call raises a `DatabaseFault`.
    """

    @property
    def read_only(self) -> bool: ...

    def all(self, text: str, args: Sequence[object] = ()) -> list[Row]:
        """Every row of a statement. Raises `DatabaseFault`."""
        ...

    def one(self, text: str, args: Sequence[object] = ()) -> Row:
        """The first row of a statement that gives exactly one. Raises `DatabaseFault`."""
        ...

    def run(self, work: Callable[[Cursor], T]) -> T:
        """A unit of work in a savepoint of its own: if it raises, what it wrote is undone, no more."""
        ...

    async def fetch(self, text: str, args: Sequence[object] = ()) -> list[Row]:
        """As `all`, without holding up the loop while another machine is waited for: one round trip, no savepoint."""
        ...

    async def send(self, text: str, args: Sequence[object] = ()) -> None:
        """Have a statement run whose rows nobody wants: its round trip may be that of a later one, or of the commit.

        What it raises comes out there, too.
        """
        ...

    async def perform(self, work: Callable[[Cursor], T]) -> T:
        """As `run`, without holding up the loop while a statement of another machine is waited for."""
        ...

    async def run_long(self, work: Callable[[Cursor], T]) -> T:
        """As `perform`, for work that may take long on this machine: nowhere does it hold up the loop."""
        ...

    def reading(self) -> AbstractAsyncContextManager[None]:
        """Within the block nothing may be written, as in a transaction that is read-only.

        Raises `DatabaseFault` 25006 in it, or at its end; then the transaction is to be undone. A session that was used
        in it has to be committed in it.
        """
        ...

    def session(self) -> AsyncSession:
        """The SQLAlchemy session on this very transaction; made at the first call, the same at every later one.

        `commit()` on it writes what is pending and lets go of a savepoint; it never ends the transaction.
        """
        ...

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Have `callback` run on the loop once the commit has returned; never if it does not."""
        ...


@dataclass(slots=True)
class EngineStats:
    """Counters for metrics; they only grow, except `waiting`."""

    commits: int = 0
    """Commits that reached the disk."""
    acknowledged: int = 0
    """Writes and leases that were answered after such a commit."""
    refused: int = 0
    """Writes and leases that failed: by their own fault or with their commit."""
    largest_batch: int = 0
    over_budget: int = 0
    """Reads that a reader thread made: they were interrupted on the loop, or would have held it up."""
    overloaded: int = 0
    waiting: int = 0
    """Writes and leases that are queued or running at this moment."""


class Engine(Protocol):
    """One database: reads, writes that are on disk when they are answered, and transactions for Python logic."""

    @property
    def dialect(self) -> Dialect:
        """SQLAlchemy's dialect of this engine, by which `sql` compiles."""
        ...

    @property
    def stats(self) -> EngineStats: ...

    @property
    def reads_now(self) -> bool:
        """Whether `read_now` may give a row; where it never does, nobody need prepare for it."""
        ...

    async def start(self) -> None:
        """Open the database, on the loop that will use it. Raises `SetupFault`."""
        ...

    async def close(self) -> None:
        """Answer what is queued, then close. May be called again."""
        ...

    def migration_connection(self, *, foreign_keys: bool = False) -> AbstractContextManager[Connection]:
        """An SQLAlchemy connection for schema changes and bulk loads; only while the engine is not started.

        `foreign_keys`: they are looked up, where the engine can leave that. Raises `SetupFault`.
        """
        ...

    def read_now(self, text: str, args: Sequence[object], /) -> Row | None:
        """The one row of a short read, without waiting; None where it is not short: then await `read_slow`."""
        ...

    async def read_slow(self, text: str, args: Sequence[object], local: Local | None = None) -> Row:
        """The one row of a long read, under the statement time limit. Raises `DatabaseFault`, `Overloaded`."""
        ...

    async def read(self, text: str, args: Sequence[object], local: Local | None = None) -> Row:
        """`read_now`, then `read_slow` where needed."""
        ...

    async def write(self, work: Callable[[Cursor], T], *, rollback: bool = False, local: Local | None = None) -> T:
        """Run `work` in a savepoint and answer only when its commit has returned; `rollback` answers and undoes it.

        Writes that wait at the same time share one commit. `work` runs on another thread; it may be run a second time
        when a neighbour's failure has undone the shared transaction, so it must have no effect but through its cursor.
        What it raises undoes its savepoint and comes out here. Raises also `DatabaseFault` and `Overloaded`.
        """
        ...

    def transaction(
        self, *, read_only: bool = False, seconds: float | None = None, local: Local | None = None
    ) -> AbstractAsyncContextManager[Transaction]:
        """A transaction for Python logic: commits on exit, undoes everything on an exception.

        Writing, it holds the database's writer alone for at most `seconds` (None: the settings' limit): past that it is
        undone and its exit raises.
        """
        ...
