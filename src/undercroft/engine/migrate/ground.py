"""What a kind of database does in its own way, so that the rest of the migrations asks no connection what it is.

A `Site` is one database; a `Ground` is how schemas are read, tried and named there. The dialect of every migration
connection carries its ground.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from sqlalchemy import Connection, MetaData
from sqlalchemy.engine import Dialect

from undercroft.engine.migrate.facts import ColumnFact, Run, TableFact
from undercroft.engine.migrate.types import OnStep

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Book:
    """Where Undercroft keeps its notes in a database, as names in statements."""

    record: str
    revision: str
    exists: str
    """A query with one argument, a table's name: a row if there is one."""
    value: str
    """How a statement says that a value comes here."""
    schema: str | None = None

    def has(self, run: Run, table: str) -> bool:
        return bool(run(self.exists, (table,)))


class Ground(Protocol):
    """One kind of database."""

    @property
    def book(self) -> Book: ...

    def facts(self, connection: Connection) -> dict[str, TableFact]:
        """Every table of the app's, without bookkeeping and what belongs to extensions."""
        ...

    def scratch(self, connection: Connection) -> AbstractContextManager[Connection]:
        """An empty database to try things on, gone afterwards. While it lasts, `connection` itself is not used."""
        ...

    def copied(self, connection: Connection) -> Callable[[Connection], None]:
        """The schema of a database, without its rows, as a function that gives it to an empty scratch."""
        ...

    def is_bare(self, connection: Connection) -> bool:
        """Whether nobody has made anything there yet."""
        ...

    def create_all(
        self, connection: Connection, target: MetaData, tell: Callable[[int, str], None] | None = None
    ) -> None:
        """Make the tables of plain metadata, and what they stand in and need."""
        ...

    def named(self, name: str) -> str:
        """The name of a table or index (`posts`, `auth.users`) as it stands in a statement."""
        ...

    def misfit(self, to: ColumnFact, run: Run) -> str | None:
        """A condition on `v`, true where a value does not belong into a column of this type; None where any does."""
        ...

    def cookie(self, connection: Connection) -> str:
        """Changes whenever anybody changes the schema."""
        ...

    def breaks_transaction(self, cursor: Any) -> bool:
        """Whether the transaction that a statement is about to run in has ended."""
        ...


class Site(Protocol):
    """One database that can be migrated. See `place.Place` and `postgres.place.PostgresPlace`."""

    @property
    def book(self) -> Book: ...

    @property
    def keeps_copies(self) -> bool:
        """Whether it is backed up before what could hurt."""
        ...

    def is_there(self) -> bool:
        """Whether there is a database at all."""
        ...

    def dialect(self) -> Dialect:
        """The dialect by which the models' DDL is written here."""
        ...

    def opened(self) -> AbstractContextManager[Connection]:
        """A connection for changing the schema; nobody else changes it meanwhile. Raises `Busy`."""
        ...

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection of which nothing is kept."""
        ...

    def scratch(self) -> AbstractContextManager[Connection]:
        """An empty database to try things on."""
        ...

    def attempt(self, connection: Connection, work: Callable[[], T]) -> T:
        """Do `work` in a transaction: all or nothing, again where others were in the way. Raises `Busy`."""
        ...

    def finish(self, connection: Connection, on_step: OnStep | None = None) -> None:
        """Do what a committed change has left to be done outside of transactions. Raises `DataForbids`, `Busy`."""
        ...

    def unfinished(self, connection: Connection) -> tuple[str, ...]:
        """What `finish` would do, in sentences."""
        ...

    def check_references(self, connection: Connection, label: str) -> None:
        """Before a commit: no row points to nothing that did not do so before. Raises `DataForbids`."""
        ...

    def announce(self, connection: Connection) -> None:
        """Within a transaction: at its commit, tell whoever serves this database that its schema is another."""
        ...

    def back_up(self, label: str, on_step: OnStep | None = None) -> Path | None:
        """A copy of the database as it is committed now; None where that is not for us to make."""
        ...

    def looking(self) -> AbstractContextManager[tuple[Run, str] | None]:
        """A quick look: statements on a plain connection, and the schema's cookie; None without a database.

        Raises `Busy`.
        """
        ...


def ground_of(connection: Connection) -> Ground:
    """The ground of a migration connection."""
    return cast(Ground, cast(Any, connection.dialect).ground)


def facts_of(connection: Connection) -> dict[str, TableFact]:
    """The schema at the other end of a migration connection."""
    return ground_of(connection).facts(connection)


def runner(connection: Connection) -> Run:
    """Plain statements on a connection, as the pure readers want them."""

    def run(sql: str, args: tuple[object, ...] = ()) -> Sequence[Sequence[Any]]:
        # Without values, drivers that look for places of values by % are to leave the text alone.
        result = connection.exec_driver_sql(sql, args, {} if args else {"no_parameters": True})
        return result.fetchall() if result.returns_rows else []

    return run
