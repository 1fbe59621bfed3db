"""What an engine must say for the writers to write its SQL: one method a construct, so that no writer asks which
engine it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from undercroft.catalog.kinds import Kind
from undercroft.query.ask import Aggregate, JsonStep, Limit, Slot
from undercroft.query.plan import Compare
from undercroft.sql.statement import Given

if TYPE_CHECKING:
    from sqlalchemy.engine import Dialect as SqlDialect
    from sqlalchemy.types import TypeEngine

Expression = sa.ColumnElement[Any]
RowFetch = Callable[[Given], Sequence[object]]


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """An expression with what is known of its type: `type_` is a column's own, None after a cast, a path or an
    aggregate."""

    element: Expression
    kind: Kind
    type_: TypeEngine[Any] | None = None


class Dialect(Protocol):
    """Declared differences of one engine."""

    @property
    def name(self) -> str: ...

    @property
    def sqlalchemy(self) -> SqlDialect: ...

    def json_value(self, scalar: Scalar) -> Expression:
        """The scalar as JSON text; the text `null` for NULL."""
        ...

    def csv_value(self, scalar: Scalar) -> Expression:
        """The scalar as one field of a CSV line; the empty text for NULL."""
        ...

    def without_nulls(self, json_text: Expression) -> Expression:
        """JSON text with the null members of its objects left out."""
        ...

    def token(self, text: Expression) -> Expression:
        """A text in base64: of its bytes in UTF-8, without line breaks. NULL for NULL."""
        ...

    def embedded(self, json_text: Expression) -> Expression:
        """An embed as it stands in the row that it is part of."""
        ...

    def json_path(self, scalar: Scalar, path: Sequence[JsonStep]) -> Scalar:
        """What stands at the end of a JSON path."""
        ...

    def cast(self, scalar: Scalar, name: str) -> Scalar:
        """`::name`. Raises `NotSupported`, or 42704 for a type that nobody knows."""
        ...

    def aggregate(self, function: Aggregate, scalar: Scalar | None) -> Scalar:
        """`sum()` and its kin; None counts rows."""
        ...

    def comparable(self, scalar: Scalar) -> Expression:
        """The scalar as it is compared and grouped."""
        ...

    def ordered(self, scalar: Scalar) -> Expression:
        """The scalar as it is put in order."""
        ...

    def join_lines(self, text: Expression, separator: str) -> Expression:
        """An aggregate: the texts of all rows with a separator between; NULL for no rows."""
        ...

    def compare(self, scalar: Scalar, term: Compare) -> sa.ColumnElement[bool]:
        """A filter, without its negation. Raises `NotSupported`."""
        ...

    def limit(self, limit: Limit | None, most: int | None) -> Expression | None:
        """A LIMIT from the request's own limit and the greatest allowed one; None for no limit."""
        ...

    def offset(self, slot: Slot) -> Expression:
        """An OFFSET from the request."""
        ...

    def row_key(self, source: sa.FromClause, *, has_rowid: bool, primary_key: Sequence[str]) -> Expression:
        """One value that names a row of a table within a transaction."""
        ...

    def among_keys(self, key: Expression, keys: Expression) -> tuple[sa.FromClause, sa.ColumnElement[bool], Expression]:
        """A list of row keys as a source: (the source, its join with `key`, the position in the list)."""
        ...

    def outside_keys(self, key: Expression, keys: Expression) -> sa.ColumnElement[bool]:
        """Whether a row's key is none of a list."""
        ...

    def key_list(self, keys: Sequence[object]) -> object:
        """Row keys as one driver value for `among_keys`."""
        ...

    def collected(self, columns: Sequence[Expression]) -> Expression:
        """An aggregate: these columns' values of all rows, as `rows_in` takes them."""
        ...

    def among_rows(
        self, columns: Sequence[Expression], values: Expression
    ) -> tuple[sa.FromClause, sa.ColumnElement[bool], Expression]:
        """A list of rows of the driver's values as a source: (the source, its join with `columns`, the position)."""
        ...

    def rows_in(self, columns: Sequence[Expression], values: Expression) -> sa.ColumnElement[bool]:
        """The columns' values are among a list of rows, each row a list of the driver's values."""
        ...

    def many_rows(
        self, columns: Sequence[tuple[str, TypeEngine[Any], RowFetch]]
    ) -> tuple[sa.FromClause, list[Expression], Expression] | None:
        """The rows of a body as one source: (the source, its columns in the order of these, the position of a row).

        None where each row is a statement of its own. Each column has a name, a type, and what makes of a whole
        request the driver's values of that column, row by row.
        """
        ...

    @property
    def late_keys(self) -> tuple[str, str] | None:
        """Statements that put off the lookup of foreign keys within a transaction, and restore it; None where a body is
        one statement, after which they are looked up anyway.
        """
        ...

    @property
    def numbers_nulls(self) -> bool:
        """Whether the database takes NULL in a primary key, or numbers such a row."""
        ...

    def count_on(self, column: sa.Column[Any], keys: Expression) -> sa.ClauseElement | None:
        """What makes the database go on counting behind the keys that rows brought along for a column that it counts
        itself. None where it does so by itself."""
        ...

    def row_value(self, kind: Kind, type_: TypeEngine[Any], *, text_rows: bool) -> Callable[[Any], object]:
        """A converter of a body's value to the driver's; `text_rows` when the body was CSV or a form."""
        ...

    def upsert(
        self,
        insert: sa.Insert,
        conflict: Sequence[sa.Column[Any]],
        updates: Sequence[str] | None,
        presets: Mapping[str, Expression],
        using: sa.ColumnElement[bool] | None = None,
    ) -> sa.Insert:
        """The insert with its answer to duplicate keys: update these columns and presets, or (None) leave the row.

        Where rows may appear while the statement runs, those of which `using` does not hold are left as they are.
        """
        ...


class AppDialect(Dialect, Protocol):
    """Declared differences of one engine where an app's own code stands between a body and the database."""

    def loaded_value(self, kind: Kind, type_: TypeEngine[Any]) -> Callable[[Any], object]:
        """A converter of a body's value to the Python value that would be loaded once it was written; not for JSON."""
        ...
