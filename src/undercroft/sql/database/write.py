"""A write to an existing database as one statement, so that its own grants and policies speak of each part.

The statement writes, and reads the answer off what was returned: (body or NULL, rows written, rows inserted or NULL,
headers, status). Nothing is returned that the answer does not show: a caller who may only insert, may insert.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert as postgres_insert

from undercroft.query.plan import Node, WritePlan
from undercroft.sql.database.answer import chosen_columns
from undercroft.sql.database.bare import BareInsert
from undercroft.sql.database.payload import PAYLOAD, payload_lines, payload_rows
from undercroft.sql.database.returned import read_from, returned
from undercroft.sql.database.rows import DatabaseReadWriter
from undercroft.sql.dialect import Dialect, Expression
from undercroft.sql.rows import Rendering, require_guard
from undercroft.sql.statement import Statement, compile_statement
from undercroft.sql.text import text_literal

INSERTED = "undercroft.inserted"
"""A setting of the transaction that counts the rows which an upsert did not find there."""

__all__ = ["PAYLOAD", "write_database_write"]


def write_database_write(plan: WritePlan, dialect: Dialect, rendering: Rendering, *, empty: bool = False) -> Statement:
    """The statement of a write. `empty` says that the body is a list without rows."""
    require_guard(plan.guarded and plan.node.guarded)
    return compile_statement(_Writer(plan, dialect, rendering, empty).statement(), dialect.sqlalchemy)


@dataclass(frozen=True, slots=True)
class _Writer:
    plan: WritePlan
    dialect: Dialect
    rendering: Rendering
    empty: bool

    def statement(self) -> sa.Select[Any]:
        """The write, and what is told of it."""
        source = self._mutation().cte("written")
        inserted: Expression = sa.null()
        if self._counts:
            inserted = sa.literal_column(f"nullif(current_setting('{INSERTED}', true), '')::int")
        total = sa.select(sa.func.count()).select_from(source).scalar_subquery()
        if not self.plan.returning:
            return sa.select(sa.null(), total, inserted, *chosen_columns())
        reads = DatabaseReadWriter(self.dialect, self.rendering)
        # Under the name that the node's own source had: computed relationships speak of the row by that.
        node = read_from(self.plan.node, source.alias(cast("sa.Alias", self.plan.node.source).name))
        header, line = reads.line(node)
        rows = reads.rows(node, [line.label("j")], grouped=True).subquery("r")
        # What the answer shows is what counts: an embed that must have rows leaves out some of those written.
        shown: Any = sa.select(reads.body(rows.c.j, header), sa.func.count(), inserted, *chosen_columns())
        return cast("sa.Select[Any]", shown.select_from(rows))

    def _mutation(self) -> Any:
        columns = self._returned()
        match self.plan.verb:
            case "delete":
                return sa.delete(self._table).where(*self._targets(self._table)).returning(*columns)
            case "update":
                if not self.plan.columns or self.empty:
                    return sa.select(*columns).select_from(self._table).where(sa.false())
                return self._update().returning(*columns)
            case _:
                return self._insert().returning(*columns)

    @property
    def _table(self) -> sa.Table:
        return self.plan.table.element

    def _returned(self) -> list[sa.ColumnElement[Any]]:
        columns = returned(self.plan.node, self._table) if self.plan.returning else []
        return columns or [sa.literal_column("1").label("one")]

    def _targets(self, source: sa.FromClause) -> list[sa.ColumnElement[bool]]:
        reads, node = DatabaseReadWriter(self.dialect, self.rendering), Node(self.plan.table, source, (), guarded=True)
        return [reads.condition(node, term) for term in self.plan.targets]

    def _update(self) -> sa.Update:
        body = payload_rows(self.plan.columns, defaults=self.plan.missing_default, one=True)
        values = {column.name: body.c[column.name] for column in self.plan.columns}
        return sa.update(self._table).values(values).where(*self._targets(self._table))

    # --- inserts ---

    @property
    def _counts(self) -> bool:
        """Whether new rows must be told from those that were there."""
        return self._resolves and self.plan.resolution != "ignore"

    @property
    def _resolves(self) -> bool:
        return self.plan.verb in ("upsert", "replace") and bool(self.plan.conflict)

    def _insert(self) -> Any:
        if not self.plan.columns and not self.empty:
            return BareInsert(self._table, payload_lines())
        insert: Any = postgres_insert(self._table)
        if self.empty:
            first = next(iter(self._table.columns)).name
            return insert.from_select([first], sa.select(sa.null()).where(sa.false()), include_defaults=False)
        body = payload_rows(self.plan.columns, defaults=self.plan.missing_default)
        rows = sa.select(*(body.c[column.name] for column in self.plan.columns))
        if self.plan.verb == "replace":
            rows = rows.where(*self._targets(body))
        if self._counts:
            rows = rows.where(_counted(1))
        insert = insert.from_select([column.name for column in self.plan.columns], rows, include_defaults=False)
        return self._resolved(insert) if self._resolves else insert

    def _resolved(self, insert: Any) -> Any:
        """The answer to duplicate keys: every column of the body is updated (or those that are named), or the row is
        left as it is."""
        target = [column.element for column in self.plan.conflict]
        if self.plan.resolution == "ignore":
            return insert.on_conflict_do_nothing(index_elements=target)
        updates = self.plan.columns if self.plan.updates is None else self.plan.updates
        # A row in which nothing changes counts as written all the same.
        names = [column.name for column in updates or self.plan.conflict]
        changes: Mapping[str, Any] = {name: insert.excluded[name] for name in names}
        return insert.on_conflict_do_update(index_elements=target, set_=changes, where=_counted(-1))


def _counted(by: int) -> sa.ColumnElement[bool]:
    """A condition that is always true and moves the count of inserted rows. A view has no `xmax` to tell them by."""
    before = f"coalesce(nullif(current_setting('{INSERTED}', true), '')::int, 0)"
    moved = sa.literal_column(f"set_config('{INSERTED}', ({before} + {by})::text, true)", sa.Text())
    return moved != text_literal("none")
