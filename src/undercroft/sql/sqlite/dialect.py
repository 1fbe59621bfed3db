"""SQLite's side of the dialect: pages, and rows by their rowid. Values and filters stand beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from undercroft.catalog.kinds import JSONS, Kind
from undercroft.query.ask import Limit, Page, Slot
from undercroft.sql.bounds import bounded
from undercroft.sql.codecs import from_json, from_text, json_encoder, write_json
from undercroft.sql.dialect import Expression, RowFetch
from undercroft.sql.errors import not_supported
from undercroft.sql.sqlite.filters import SqliteFilters
from undercroft.sql.sqlite.values import number
from undercroft.sql.statement import Fetch, Handed, processor_for

if TYPE_CHECKING:
    from sqlalchemy.types import TypeEngine


_LARGEST = 1 << 63


@dataclass(frozen=True, slots=True, eq=False)
class SqliteDialect(SqliteFilters):
    """Declared differences of SQLite."""

    # --- pages and rows ---

    def limit(self, limit: Limit | None, most: int | None) -> Expression | None:
        if limit is None:
            return None if most is None else number(most)
        if isinstance(limit, Page):
            return number(limit.rows if most is None else min(limit.rows, most))
        fetch: Fetch = (
            (lambda given: int(given.values[limit]))
            if most is None
            else (lambda given: min(int(given.values[limit]), most))
        )
        # A bare parameter is looked up by SQLite's planner: then every new value of it has the statement prepared anew.
        return Handed("limit", fetch, sa.Integer()) + number(0)

    def offset(self, slot: Slot) -> Expression:
        return Handed("offset", lambda given: int(given.values[slot]), sa.Integer())

    def row_key(self, source: sa.FromClause, *, has_rowid: bool, primary_key: Sequence[str]) -> Expression:
        if has_rowid:
            # Every rowid table has three names for it; a column may have taken one of them.
            key = sa.column(next(word for word in ("rowid", "_rowid_", "oid") if word not in source.c), sa.Integer())
            key.table = source
            return key
        return sa.func.json_array(*(source.c[name] for name in primary_key))

    def among_keys(self, key: Expression, keys: Expression) -> tuple[sa.FromClause, sa.ColumnElement[bool], Expression]:
        each = sa.func.json_each(keys).table_valued("key", "value").alias("k")
        return each, each.c.value == key, each.c.key

    def outside_keys(self, key: Expression, keys: Expression) -> sa.ColumnElement[bool]:
        each, _, _ = self.among_keys(key, keys)
        return key.not_in(sa.select(each.c.value))

    def key_list(self, keys: Sequence[object]) -> str:
        return json_encoder.encode(keys).decode()

    def collected(self, columns: Sequence[Expression]) -> Expression:
        return sa.func.json_group_array(sa.func.json_array(*columns))

    def many_rows(self, columns: Sequence[tuple[str, TypeEngine[Any], RowFetch]]) -> None:
        return None

    def among_rows(
        self, columns: Sequence[Expression], values: Expression
    ) -> tuple[sa.FromClause, sa.ColumnElement[bool], Expression]:
        each = sa.func.json_each(values).table_valued("key", "value").alias("k")
        join = sa.and_(*(column == each.c.value.op("->>")(number(i)) for i, column in enumerate(columns)))
        return each, join, each.c.key

    def rows_in(self, columns: Sequence[Expression], values: Expression) -> sa.ColumnElement[bool]:
        each = sa.func.json_each(values).table_valued("value")
        if len(columns) == 1:
            return columns[0].in_(sa.select(each.c.value.op("->>")(number(0))))
        return sa.tuple_(*columns).in_(sa.select(*(each.c.value.op("->>")(number(i)) for i in range(len(columns)))))

    @property
    def late_keys(self) -> tuple[str, str] | None:
        return "PRAGMA defer_foreign_keys = ON", "PRAGMA defer_foreign_keys = OFF"

    @property
    def numbers_nulls(self) -> bool:
        return True

    def count_on(self, column: sa.Column[Any], keys: Expression) -> sa.ClauseElement | None:
        return None  # it takes the greatest key and one

    def row_value(self, kind: Kind, type_: TypeEngine[Any], *, text_rows: bool) -> Callable[[Any], object]:
        if kind in JSONS:
            from_caller = from_text(kind) if text_rows else None
            return lambda value: None if value is None else self._json_of(from_caller(value) if from_caller else value)
        return processor_for(type_, self.sqlalchemy, bounded(kind, type_, from_json(kind)))

    def _json_of(self, value: Any) -> str:
        """JSON as a text. A number alone becomes a number of SQLite's, in a column of this type: one that would not
        come back as it was written is refused."""
        text = write_json(value)
        if isinstance(value, (int, float, Decimal)) and not _comes_back(value, text):
            raise not_supported("such a number alone in a JSON column", self.name)
        return text

    def loaded_value(self, kind: Kind, type_: TypeEngine[Any]) -> Callable[[Any], object]:
        store: Callable[[Any], Any] = self.row_value(kind, type_, text_rows=False)
        load = type_.dialect_impl(self.sqlalchemy).result_processor(self.sqlalchemy, None)
        if kind is Kind.BYTES and load is None:
            return lambda value: None if value is None else bytes(store(value))
        return store if load is None else lambda value: load(store(value))

    def upsert(
        self,
        insert: sa.Insert,
        conflict: Sequence[sa.Column[Any]],
        updates: Sequence[str] | None,
        presets: Mapping[str, Expression],
        using: sa.ColumnElement[bool] | None = None,  # nobody else writes meanwhile
    ) -> sa.Insert:
        values: Mapping[Any, Any] = insert._values or {}
        if not values and insert.select is None:
            # SQLite has no ON CONFLICT after DEFAULT VALUES: the row's number is asked for by name.
            numbered = cast("sa.Table", insert.table).autoincrement_column
            if numbered is None:
                return insert
            values = {numbered.name: sa.null()}
        statement = sqlite_insert(insert.table)
        if insert.select is not None:
            statement = statement.from_select(insert._select_names or [], insert.select, include_defaults=False)
        else:
            statement = statement.values(values)
        if updates is None:
            return statement.on_conflict_do_nothing(index_elements=list(conflict) or None)
        if not updates and not presets:
            # Nothing to change, yet the row counts as written, as PostgreSQL counts it.
            updates = [conflict[0].name]
        return statement.on_conflict_do_update(
            index_elements=list(conflict), set_={name: statement.excluded[name] for name in updates} | dict(presets)
        )


def _comes_back(value: float | Decimal, text: str) -> bool:
    """Whether SQLite would show a number as it was written."""
    if isinstance(value, int):
        return -_LARGEST <= value < _LARGEST
    return format(float(text), ".15g") == text and ("." in text or "e" in text)
