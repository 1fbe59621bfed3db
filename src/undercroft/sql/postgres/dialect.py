"""PostgreSQL's side of the dialect: pages, and rows by their keys. Values and filters stand beside.

As it stands here, it says what PostgREST would say: PostgreSQL itself reads what callers write. `AppPostgresDialect`
is for an app's own models.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgres_insert

from undercroft.catalog.kinds import JSONS, Kind
from undercroft.query.ask import Limit, Page, Slot
from undercroft.sql.codecs import json_encoder
from undercroft.sql.dialect import Expression, RowFetch
from undercroft.sql.postgres.compiling import TextDialect
from undercroft.sql.postgres.filters import PostgresFilters
from undercroft.sql.postgres.texts import array_of, plain_text
from undercroft.sql.postgres.values import TEXT_ARRAY, Named, as_text
from undercroft.sql.statement import Fetch, Handed
from undercroft.sql.text import text_literal

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine

_JSON = Named("json")


@dataclass(frozen=True, slots=True, eq=False)
class PostgresDialect(PostgresFilters):
    """Declared differences of PostgreSQL.

    A row's key is the text of a JSON list: its primary key, or its place in the table (`ctid`) where it has none.
    """

    def limit(self, limit: Limit | None, most: int | None) -> Expression | None:
        if limit is None:
            return None if most is None else _number(most)
        if isinstance(limit, Page):
            return _number(limit.rows if most is None else min(limit.rows, most))
        fetch: Fetch = (
            (lambda given: given.values[limit])
            if most is None
            else (lambda given: str(min(int(given.values[limit]), most)))
        )
        return Handed("limit", fetch, sa.BigInteger())

    def offset(self, slot: Slot) -> Expression:
        return Handed("offset", lambda given: given.values[slot], sa.BigInteger())

    # --- rows by their keys ---

    def row_key(self, source: sa.FromClause, *, has_rowid: bool, primary_key: Sequence[str]) -> Expression:
        columns: list[Expression] = [source.c[name] for name in primary_key]
        return RowKey(columns or [_place(source)])

    def among_keys(self, key: Expression, keys: Expression) -> tuple[sa.FromClause, sa.ColumnElement[bool], Expression]:
        return self.among_rows(columns_of(key), keys)

    def outside_keys(self, key: Expression, keys: Expression) -> sa.ColumnElement[bool]:
        return sa.not_(self.rows_in(columns_of(key), keys))

    def key_list(self, keys: Sequence[object]) -> str:
        """Keys as they were returned, or rows of the driver's values."""
        members = [key if isinstance(key, str) else json_encoder.encode(key).decode() for key in keys]
        return f"[{','.join(members)}]"

    def collected(self, columns: Sequence[Expression]) -> Expression:
        rows = as_text(sa.func.json_agg(sa.func.json_build_array(*columns)))
        return sa.func.coalesce(rows, text_literal("[]"))

    def among_rows(
        self, columns: Sequence[Expression], values: Expression
    ) -> tuple[sa.FromClause, sa.ColumnElement[bool], Expression]:
        listed = sa.func.json_array_elements(sa.cast(values, _JSON))
        each = listed.table_valued("value", with_ordinality="key", name="k").render_derived()
        join = sa.and_(*(column == self._member(each.c.value, i, column) for i, column in enumerate(columns)))
        return each, join, each.c.key

    def rows_in(self, columns: Sequence[Expression], values: Expression) -> sa.ColumnElement[bool]:
        each = sa.func.json_array_elements(sa.cast(values, _JSON)).table_valued("value", name="k").render_derived()
        members = [self._member(each.c.value, i, column) for i, column in enumerate(columns)]
        left = columns[0] if len(columns) == 1 else sa.tuple_(*columns)
        return left.in_(sa.select(*members))

    def _member(self, row: Expression, place: int, column: Expression) -> Expression:
        """One value of a row in JSON, as a column's type reads it."""
        text = row.op("->>", return_type=sa.Text())(sa.literal_column(str(place), sa.Integer()))
        return sa.cast(text, unbounded(column.type, self.sqlalchemy))

    def many_rows(
        self, columns: Sequence[tuple[str, TypeEngine[Any], RowFetch]]
    ) -> tuple[sa.FromClause, list[Expression], Expression] | None:
        if not columns:
            return None
        names = [f"c{index}" for index in range(len(columns))]
        lists = [sa.cast(Handed("rows", _members_of(fetch)), TEXT_ARRAY) for _, _, fetch in columns]
        each = sa.func.unnest(*lists).table_valued(*names, with_ordinality="key", name="r").render_derived()
        values = [
            sa.cast(each.c[name], unbounded(type_, self.sqlalchemy))
            for name, (_, type_, _) in zip(names, columns, strict=True)
        ]
        return each, list(values), each.c.key

    @property
    def late_keys(self) -> tuple[str, str] | None:
        return None

    @property
    def numbers_nulls(self) -> bool:
        return False

    def count_on(self, column: sa.Column[Any], keys: Expression) -> sa.ClauseElement | None:
        return None  # whoever wrote the database knows of its sequences

    # --- rows of a body ---

    def row_value(self, kind: Kind, type_: TypeEngine[Any], *, text_rows: bool) -> Callable[[Any], object]:
        if kind in JSONS and not text_rows:
            return lambda value: None if value is None else json_encoder.encode(value).decode()
        return lambda value: (
            json_encoder.encode(value).decode() if isinstance(value, (list, dict)) else plain_text(value)
        )

    def upsert(
        self,
        insert: sa.Insert,
        conflict: Sequence[sa.Column[Any]],
        updates: Sequence[str] | None,
        presets: Mapping[str, Expression],
        using: sa.ColumnElement[bool] | None = None,
    ) -> sa.Insert:
        statement = cast("Any", postgres_insert(insert.table))
        if insert.select is not None:
            statement = statement.from_select(insert._select_names, insert.select, include_defaults=False)
        elif insert._values:
            statement = statement.values(insert._values)
        if updates is None:
            return cast("sa.Insert", statement.on_conflict_do_nothing(index_elements=list(conflict) or None))
        if not updates and not presets:
            # Nothing to change, yet the row counts as written.
            updates = [conflict[0].name]
        changes = {name: statement.excluded[name] for name in updates} | dict(presets)
        updated = statement.on_conflict_do_update(index_elements=list(conflict), set_=changes, where=using)
        return cast("sa.Insert", updated)


class RowKey(sa.Cast[str]):
    """The text of a JSON list of a row's key, which remembers its columns: an index finds rows by those."""

    inherit_cache = True

    def __init__(self, columns: Sequence[Expression]) -> None:
        super().__init__(sa.func.json_build_array(*columns), sa.Text())


def columns_of(key: Expression) -> list[Expression]:
    """The columns of a row's key, as they stand after whatever moved it to another alias."""
    return list(cast("Any", key).clause.clauses)


def _members_of(fetch: RowFetch) -> Fetch:
    return lambda given: array_of(fetch(given), plain_text)


def unbounded(type_: TypeEngine[Any], dialect: TextDialect) -> TypeEngine[Any]:
    """A type without its length or digits, by which a cast would shorten silently what a column refuses."""
    impl: Any = type_.dialect_impl(dialect)
    bare = impl.impl_instance if isinstance(impl, sa.TypeDecorator) else impl
    if isinstance(bare, sa.String) and not (isinstance(bare, sa.Enum) and bare.native_enum):
        return sa.Text()
    if isinstance(bare, sa.Numeric) and not isinstance(bare, sa.Float):
        return sa.Numeric()
    return cast("TypeEngine[Any]", bare)


def _place(source: sa.FromClause) -> Expression:
    place: Any = sa.column("ctid", Named("tid"))
    place.table = source
    return cast("Expression", place)


def _number(value: int) -> Expression:
    """A number of our own in the statement."""
    return sa.literal_column(str(value), sa.BigInteger())
