"""The one writer of writes: from a guarded plan to the few statements that carry it out within one savepoint.

The order in which they run, and what must hold between them, is `pipeline/write.py`. Every statement returns row keys
or a body put together in the database; rows never pass through Python on their way back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, cast

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from undercroft.access.guard import inner_rows, moved, typed
from undercroft.base.faults import Fault
from undercroft.catalog.kinds import kind_of
from undercroft.query.plan import Node, WritePlan
from undercroft.sql.bounds import stored_check
from undercroft.sql.dialect import Dialect, Expression
from undercroft.sql.made import Made
from undercroft.sql.own_keys import own_keys
from undercroft.sql.program import EXISTING, Row, WriteProgram
from undercroft.sql.read import KEYS
from undercroft.sql.rows import ReadWriter, Rendering, require_guard
from undercroft.sql.statement import Fetch, Given, Handed, Statement, compile_statement, processor_for

MOST_KINDS = 256
"""Of so many kinds of rows, by the columns that they bring, a program keeps the statements: they take time to write."""


def write_program(
    plan: WritePlan, dialect: Dialect, rendering: Rendering, *, text_rows: bool = False, blind: bool = False
) -> WriteProgram:
    """Write the statements of a guarded write. `text_rows` says that the body's values are texts (CSV, forms).

    `blind`: an insert whose rows are not returned reads nothing of them, since the caller may have no right to it. Then
    its check must be the database's own.
    """
    require_guard(plan.guarded and plan.node.guarded)
    blind = blind and plan.verb == "insert" and not plan.returning
    writer = _ProgramWriter(plan, dialect, rendering, text_rows, blind)
    upserts = plan.verb in ("upsert", "replace") and bool(plan.conflict)
    rich = _has_query(writer.check)
    foreseen = plan.verb == "update" and rich and bool(inner_rows(writer.check, plan.table.element))
    check, kept = None if rich else writer.check, lru_cache(MOST_KINDS)
    return WriteProgram(
        plan=plan,
        mutation=kept(lambda columns: writer.compiled(writer.mutation(columns, check))),
        together=kept(lambda columns: writer.together(columns, check)),
        key_known=writer.compiled(writer.key_known()) if upserts and not writer.is_declared_key else None,
        existing=writer.compiled(writer.existing()) if upserts else None,
        foresee=kept(lambda columns: writer.compiled(writer.foresee(columns))) if foreseen else None,
        verify=writer.compiled(writer.verify()) if rich and not foreseen and not blind else None,
        before=writer.compiled(writer.shown_targets()) if plan.verb == "delete" and plan.returning else None,
        after=writer.compiled(writer.shown_keys()) if plan.verb != "delete" and plan.returning else None,
        conflict_key=writer.conflict_key() if upserts else None,
        key_list=dialect.key_list,
        own_keys=own_keys(plan, dialect, writer.key(plan.table.element)),
        text_rows=text_rows,
        needed=writer.needed,
        late_keys=dialect.late_keys,
        count_on=writer.count_on(),
        blind=blind,
        found=cache(lambda: writer.compiled(writer.found())),
        broken=cache(lambda: None if writer.check is None else writer.compiled(writer.verify())),
    )


@dataclass(frozen=True, slots=True)
class _ProgramWriter:
    plan: WritePlan
    dialect: Dialect
    rendering: Rendering
    text_rows: bool
    blind: bool = False

    @property
    def reads(self) -> ReadWriter:
        return ReadWriter(self.dialect, self.rendering)

    @property
    def target(self) -> Node:
        """The table itself as a node, for the conditions that find the rows to touch."""
        return Node(self.plan.table, self.plan.table.element, (), guarded=True)

    def compiled(self, element: sa.ClauseElement) -> Statement:
        return compile_statement(element, self.dialect.sqlalchemy)

    def key(self, source: sa.FromClause) -> Expression:
        table = self.plan.table
        primary = [column.name for column in table.element.primary_key.columns]
        return self.dialect.row_key(source, has_rowid=table.has_rowid, primary_key=primary)

    # --- what must hold of the rows as written ---

    @property
    def check(self) -> sa.ColumnElement[bool] | None:
        plan = self.plan
        if plan.verb in ("upsert", "replace") and plan.resolution != "ignore":
            return self._and(plan.insert_check, self._unless_new(plan.update_check), self._shown_check())
        if plan.verb == "update":
            return plan.update_check
        return self._and(plan.insert_check, self._shown_check()) if plan.verb != "delete" else None

    def _shown_check(self) -> sa.ColumnElement[bool] | None:
        """Rows that are to be returned must be readable."""
        return self.plan.visible if self.plan.returning else None

    def _unless_new(self, check: sa.ColumnElement[bool] | None) -> sa.ColumnElement[bool] | None:
        """The checks of updates hold for rows that were there before."""
        if check is None:
            return None
        # By the columns that met, not by the row's key: an upsert may change that.
        was_there = self.dialect.rows_in([c.element for c in self.plan.conflict], self._carried(EXISTING))
        return sa.or_(sa.not_(was_there), check)

    def _and(self, *clauses: sa.ColumnElement[bool] | None) -> sa.ColumnElement[bool] | None:
        present = [clause for clause in clauses if clause is not None]
        return sa.and_(*present) if present else None

    def _carried(self, name: str) -> Handed:
        return Handed(name, lambda given: (given.carried or {})[name])

    # --- the statements ---

    def mutation(self, columns: tuple[str, ...], check: sa.ColumnElement[bool] | None) -> sa.ClauseElement:
        table = self.plan.table.element
        held = sa.literal_column("1") if check is None else sa.func.coalesce(sa.case((check, 1), else_=0), 0)
        returned = (self.key(table), held)
        if self.plan.verb == "delete":
            return sa.delete(table).where(*self._found()).returning(self.key(table))
        values = self._values(columns)
        if self.plan.verb == "update":
            return sa.update(table).where(*self._found()).values(values).returning(*returned)
        insert = sa.insert(table).values({**self._missing_key(values), **values})
        if self.blind:
            return insert.inline()
        return self._or_merged(insert, columns).returning(*returned)

    def together(self, columns: tuple[str, ...], check: sa.ColumnElement[bool] | None) -> Statement | None:
        """Several rows of a body in one insert: what they have in common beside what each brings."""
        if self.plan.verb in ("update", "delete") or (check is not None and _has_query(check)):
            return None
        table, values = self.plan.table.element, self._values(columns)
        brought = {name: each.fetch for name, each in values.items() if isinstance(each, Handed)}
        told = [brought[name] for name in table.c.keys() if name in brought]  # noqa: SIM118  # not a mapping's
        source = self.dialect.many_rows([(name, table.c[name].type, _of_all(brought[name], told)) for name in brought])
        if source is None:
            return None
        each, listed, position = source
        values = {**self._missing_key(values), **values, **dict(zip(brought, listed, strict=True))}
        rows = sa.select(*values.values()).select_from(each).order_by(position)
        insert = sa.insert(table).from_select(list(values), rows, include_defaults=False)
        if self.blind:
            return self.compiled(insert)
        held = sa.literal_column("1") if check is None else sa.func.coalesce(sa.case((check, 1), else_=0), 0)
        return self.compiled(self._or_merged(insert, columns).returning(self.key(table), held))

    def _or_merged(self, insert: sa.Insert, columns: tuple[str, ...]) -> sa.Insert:
        """The insert with what an upsert does where it meets a row."""
        if self.plan.verb in ("upsert", "replace"):
            merges = self.plan.resolution != "ignore"
            elements = [column.element for column in self.plan.conflict]
            updates = self._updated(columns) if merges else None
            presets = {p.column.name: p.value for p in self.plan.presets if p.at_update}
            if elements or not merges:
                insert = self.dialect.upsert(insert, elements, updates, presets, self.plan.using)
        return insert

    def _updated(self, columns: tuple[str, ...]) -> list[str]:
        """What an upsert changes of a row that it meets."""
        if self.plan.updates is not None:
            return [column.name for column in self.plan.updates]
        known = {column.name for column in self.plan.conflict}
        return [name for name in columns if name not in known]

    def _values(self, columns: tuple[str, ...]) -> dict[str, Any]:
        """What is written: the models' defaults, the body, and what the rules preset."""
        return {
            **self._defaults(columns),
            **self._payload(columns),
            **{p.column.name: p.value for p in self.plan.presets if self.plan.verb == "update" or p.at_insert},
        }

    def _missing_key(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """NULL for what an insert leaves out of a key that nobody fills in: the database says so, not SQLAlchemy."""
        table = self.plan.table.element
        return {
            column.name: sa.null()
            for column in table.primary_key.columns
            if column.name not in values and column.server_default is None and column is not table.autoincrement_column
        }

    def _found(self) -> list[sa.ColumnElement[bool]]:
        clauses = [self.reads.condition(self.target, term) for term in self.plan.targets]
        return clauses if self.plan.using is None else [self.plan.using, *clauses]

    def _payload(self, columns: tuple[str, ...]) -> dict[str, Any]:
        # By the table itself: a hook may set a column that the caller cannot see.
        known = self.plan.table.element.c
        return {name: Handed(f"row_{index}", self._row_fetch(known[name])) for index, name in enumerate(columns)}

    def _row_fetch(self, column: sa.Column[Any]) -> Fetch:
        name, convert = column.name, self._convert(column)
        return lambda given: convert((given.row or {}).get(name))

    def count_on(self) -> Statement | None:
        counted = self.plan.table.element.autoincrement_column
        brought = counted is not None and any(column.name == counted.name for column in self.plan.columns)
        if counted is None or not brought or self.plan.verb not in ("insert", "upsert", "replace"):
            return None
        element = self.dialect.count_on(counted, self._carried(KEYS))
        return None if element is None else self.compiled(element)

    @property
    def needed(self) -> tuple[str, ...]:
        """The columns of the key in which an insert may not put NULL, where the database would take it."""
        inserts = self.plan.verb in ("insert", "upsert", "replace")
        preset = {preset.column.name for preset in self.plan.presets}
        primary = (column.name for column in self.plan.table.element.primary_key.columns)
        return tuple(name for name in primary if name not in preset) if inserts and self.dialect.numbers_nulls else ()

    def _convert(self, column: sa.Column[Any]) -> Callable[[Any], object]:
        dialect = self.dialect.sqlalchemy
        read = self.dialect.row_value(kind_of(column.type), column.type, text_rows=self.text_rows)
        check = stored_check(column.type)
        made = processor_for(column.type, dialect, lambda value: value if check is None else _checked(value, check))
        return lambda value: made(value.value) if type(value) is Made else read(value)

    def _defaults(self, given: Sequence[str]) -> dict[str, Any]:
        """The models' own defaults, for the columns that the body leaves out."""
        updating = self.plan.verb == "update"
        found: dict[str, Any] = {}
        for column in self.plan.table.element.columns:
            default: Any = column.onupdate if updating else column.default
            if default is None or column.name in given or default.is_sequence:
                continue
            if default.is_callable:
                found[column.name] = Handed("default", _call(default.arg, column, self.dialect))
            elif default.is_clause_element:
                found[column.name] = typed(default.arg, column.type)
            else:
                found[column.name] = sa.literal(default.arg, column.type)
        return found

    @property
    def is_declared_key(self) -> bool:
        """The conflict columns are the table's primary key, or unique by what is known of it."""
        table, columns = self.plan.table, {column.name for column in self.plan.conflict}
        return any(columns == {*key} for key in (table.primary_key, *table.unique))

    def key_known(self) -> sa.Insert:
        """An insert of no row. Of columns that are no key nobody is told which values rows of others have."""
        name = next(column.name for column in (*self.plan.columns, *self.plan.conflict))
        none = sa.select(sa.null()).where(sa.false())
        insert = sa.insert(self.plan.table.element).from_select([name], none, include_defaults=False)
        return self.dialect.upsert(insert, [column.element for column in self.plan.conflict], None, {})

    def existing(self) -> sa.Select[Any]:
        table = self.plan.table.element
        columns = [column.element for column in self.plan.conflict]
        using = self.plan.using
        refused = (
            sa.literal_column("0") if using is None else sa.func.coalesce(sa.func.sum(sa.case((using, 0), else_=1)), 0)
        )
        met = self.dialect.rows_in(columns, self._carried(KEYS))
        return sa.select(sa.func.count(), refused, self.dialect.collected(columns)).select_from(table).where(met)

    def conflict_key(self) -> Callable[[Row], list[object]]:
        convert = [(column.name, self._convert(column.element)) for column in self.plan.conflict]
        return lambda row: [read(row.get(name)) for name, read in convert]

    def foresee(self, columns: tuple[str, ...]) -> sa.Select[Any]:
        """The rows as an update would leave them, judged by the table as it still is."""
        table, check = self.plan.table.element, self.check
        if check is None:
            raise AssertionError("there is something to foresee only where there is a check")
        values = self._values(columns)
        changed = [sa.type_coerce(values.get(c.name, c), c.type).label(c.name) for c in table.columns]
        row = sa.select(*changed).where(*self._found()).subquery()
        broken = sa.case((moved(check, table, row), 0), else_=1) == 1
        return sa.select(sa.func.count()).select_from(row).where(broken)

    def verify(self) -> sa.Select[Any]:
        table = self.plan.table.element
        each, join, _ = self.dialect.among_keys(self.key(table), self._carried(KEYS))
        check = self.check
        if check is None:
            raise AssertionError("there is a verify statement only where there is a check")
        for inner in inner_rows(check, table):
            # What is being written does not speak for itself: nobody joins a team by being in it.
            before = sa.select(table).where(self.dialect.outside_keys(self.key(table), self._carried(KEYS)))
            check = moved(check, inner, before.subquery())
        broken = sa.case((check, 0), else_=1) == 1
        return sa.select(sa.func.count()).select_from(each, table).where(join, broken)

    def found(self) -> sa.Select[Any]:
        """The keys of the rows to touch."""
        return sa.select(self.key(self.plan.table.element)).where(*self._found())

    def shown_keys(self) -> sa.Select[Any]:
        """The rows of a list of keys, as the caller may see them, in the order of the list."""
        node = self.plan.node
        each, join, position = self.dialect.among_keys(self.key(node.source), self._carried(KEYS))
        place = sa.func.min(position) if self.reads.aggregates(node) else position
        return self._shown(lambda select: select.select_from(each).where(join).order_by(place))

    def shown_targets(self) -> sa.Select[Any]:
        """The rows that a delete will take, before it does."""
        return self._shown(lambda select: select.where(self.key(self.plan.node.source).in_(self.found())))

    def _shown(self, narrow: Callable[[sa.Select[Any]], sa.Select[Any]]) -> sa.Select[Any]:
        reads, node = self.reads, self.plan.node
        header, line = reads.line(node)
        rows = narrow(reads.rows(node, [line.label("j")], grouped=True)).subquery("r")
        shown: Any = sa.select(reads.body(rows.c.j, header), sa.func.count())
        return cast("sa.Select[Any]", shown.select_from(rows))


def _call(function: Callable[[Any], Any], column: sa.Column[Any], dialect: Dialect) -> Fetch:
    process = column.type.dialect_impl(dialect.sqlalchemy).bind_processor(dialect.sqlalchemy)

    def fetch(given: Given) -> object:
        value = function(None)
        return process(value) if process is not None else value

    return fetch


def _checked(value: Any, check: Callable[[Any], object]) -> Any:
    if value is not None:
        check(value)
    return value


def _of_all(fetch: Fetch, columns: Sequence[Fetch]) -> Callable[[Given], list[object]]:
    """A column's values of all rows of a body. What is wrong is told of the first row that has something wrong, among
    all its columns, as where each row is a statement of its own."""

    def read(given: Given) -> list[object]:
        try:
            return [fetch(given._replace(row=row)) for row in given.rows]
        except Fault:
            for row in given.rows:
                for each in columns:
                    each(given._replace(row=row))
            raise

    return read


def _has_query(clause: sa.ClauseElement | None) -> bool:
    """A check with a query inside cannot stand in RETURNING: the query would not see the row."""
    return clause is not None and any(isinstance(part, sa.Select) for part in visitors.iterate(clause))
