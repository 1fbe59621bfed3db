"""Carries out one write: the statements of its program, in order, within a savepoint, and what must hold between
them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Any

from undercroft.access.actor import Actor
from undercroft.access.errors import row_refused
from undercroft.engine.errors import FOREIGN_KEY, NO_SUCH_TARGET, DatabaseFault
from undercroft.engine.types import Cursor
from undercroft.pipeline.errors import (
    key_differs,
    key_leads_nowhere,
    not_single,
    too_many_affected,
    too_many_kinds,
    twice_in_payload,
)
from undercroft.pipeline.keys import Keep
from undercroft.query.plan import WritePlan
from undercroft.sql.errors import null_in_key
from undercroft.sql.made import Made
from undercroft.sql.program import EXISTING, WriteProgram
from undercroft.sql.read import KEYS
from undercroft.sql.statement import Given, Statement
from undercroft.sql.write import MOST_KINDS

BodyRow = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WriteBounds:
    """What the size of a write must be, and how its transaction ends."""

    single: bool = False
    most_affected: int | None = None
    rollback: bool = False


@dataclass(frozen=True, slots=True)
class WriteRequest:
    """What one request hands to a write program."""

    actor: Actor
    values: Sequence[str] = ()
    rows: Sequence[BodyRow] = ()
    bounds: WriteBounds = field(default_factory=WriteBounds)
    own_columns: bool = False
    """Each row is written with the columns that it has: hooks may have set others than the body named."""
    keep: Keep[Written] | None = None
    """How the request is answered for, where it brought a key."""

    def given(self, row: BodyRow | None = None, carried: Mapping[str, Any] | None = None) -> Given:
        return Given(self.values, self.actor, row, carried)


@dataclass(frozen=True, slots=True)
class Written:
    """What a write did. `body` is the rows as the caller may see them, when they were asked for."""

    affected: int
    inserted: int = 0
    body: str | None = None
    keys: tuple[object, ...] = ()


def run_program(cursor: Cursor, program: WriteProgram, request: WriteRequest) -> Written:
    """Run a write inside the unit's savepoint; any fault undoes all of it.

    Raises:
        PolicyFault: 42501 where a row may not be written, or not become what it became.
        PipelineFault: PGRST116 and PGRST124 where the number of rows is not what was asked for.
        DatabaseFault: what the database refuses.
    """
    if program.writes_nothing(request.rows):
        check_size(0, request.bounds)
        return Written(0, body=_empty(program))
    body = show_before(cursor, program, request)
    written = change(cursor, program, request)
    return replace(written, body=show_after(cursor, program, request, written.keys) or body)


def change(cursor: Cursor, program: WriteProgram, request: WriteRequest) -> Written:
    """The writing part of a program, with everything that must hold of it."""
    carried: dict[str, Any] = {}
    met = _meet_existing(cursor, program, request, carried)
    _foresee(cursor, program, request)
    keys = _written(cursor, program, request, carried)
    if program.merges and len(set(keys)) < len(keys):
        raise twice_in_payload()
    if program.merges and program.plan.using is not None and len(keys) < len(request.rows):
        # Rows that were not there yet when `existing` was asked, and are not the caller's to update.
        raise row_refused(program.plan.table.name)
    check_size(len(keys), request.bounds)
    carried[KEYS] = program.key_list(keys)
    if program.count_on is not None and keys:
        cursor.all(program.count_on.text, program.count_on.arguments(request.given(carried=carried)))
    if program.verify is not None:
        (broken,) = cursor.one(program.verify.text, program.verify.arguments(request.given(carried=carried)))
        if broken:
            raise row_refused(program.plan.table.name)
    inserts = program.plan.verb in ("insert", "upsert", "replace")
    inserted = len(keys) - (met if program.plan.resolution != "ignore" else 0) if inserts else 0
    return Written(len(keys), max(0, inserted), None, tuple(keys))


def _written(cursor: Cursor, program: WriteProgram, request: WriteRequest, carried: Mapping[str, Any]) -> list[object]:
    """The keys of the rows written. Those that come together may refer to one another in any order."""
    own = program.own_keys if len(request.rows) > 1 else None
    if own is None:
        return _held(program, list(_mutate(cursor, program, request, carried)))
    cursor.all(own.put_off)
    try:
        written = list(_mutate(cursor, program, request, carried))
        given = request.given(carried={KEYS: program.key_list([key for key, _ in written])})
        (dangling,) = cursor.one(own.dangling.text, own.dangling.arguments(given))
    finally:
        with suppress(DatabaseFault):  # the transaction may be gone, and this with it
            cursor.all(own.as_before)
    if dangling:
        raise key_leads_nowhere()
    return _held(program, written)


def _held(program: WriteProgram, written: Sequence[tuple[object, object]]) -> list[object]:
    """The keys of rows that the policies allow: asked last, as PostgreSQL looks up foreign keys before it answers."""
    if not all(held for _, held in written):
        raise row_refused(program.plan.table.name)
    return [key for key, _ in written]


def show_after(cursor: Cursor, program: WriteProgram, request: WriteRequest, keys: Sequence[object]) -> str | None:
    """The rows of these keys as the caller may see them; None when they were not asked for."""
    if program.after is None:
        return None
    given = request.given(carried={KEYS: program.key_list(keys)})
    body, _ = cursor.one(program.after.text, program.after.arguments(given))
    return str(body)


def _meet_existing(cursor: Cursor, program: WriteProgram, request: WriteRequest, carried: dict[str, Any]) -> int:
    """Which rows an upsert will find there; each of them must be one that the caller may update."""
    if program.existing is None or program.conflict_key is None:
        return 0
    if program.key_known is not None:
        cursor.all(program.key_known.text, program.key_known.arguments(request.given()))
    carried[KEYS] = program.key_list([program.conflict_key(row) for row in request.rows])
    count, refused, keys = cursor.one(program.existing.text, program.existing.arguments(request.given(carried=carried)))
    carried[EXISTING] = keys
    if refused and program.plan.resolution != "ignore":
        raise row_refused(program.plan.table.name)
    return int(count)


def _foresee(cursor: Cursor, program: WriteProgram, request: WriteRequest) -> None:
    """Refuse an update that its check would refuse, where that must be known beforehand."""
    if program.foresee is None:
        return
    row, columns = next(_rows(program.plan, request))
    statement = program.foresee(columns)
    (broken,) = cursor.one(statement.text, statement.arguments(request.given(row)))
    if broken:
        raise row_refused(program.plan.table.name)


def show_before(cursor: Cursor, program: WriteProgram, request: WriteRequest) -> str | None:
    """The rows that a delete is about to take; None when they were not asked for."""
    if program.before is None:
        return None
    body, _ = cursor.one(program.before.text, program.before.arguments(request.given()))
    return str(body)


def _mutate(
    cursor: Cursor, program: WriteProgram, request: WriteRequest, carried: Mapping[str, Any]
) -> Iterator[tuple[object, object]]:
    """(the key of a row written, whether the checks hold of it)"""
    plan = program.plan
    if plan.verb == "delete":
        statement = program.mutation(())
        yield from ((key, True) for (key,) in cursor.all(statement.text, statement.arguments(request.given())))
        return
    # Every value is read before any row is written: what is told of a bad one does not depend on the rows before it.
    prepared = [
        [(each.text, each.arguments(given), _lacking(program, given, columns)) for each, given in statements]
        for statements, columns in _insertions(program, request, carried)
    ]
    for statements in prepared:
        yield from _insert(cursor, program, statements)
    if program.blind:
        names = [column.name for column in plan.table.element.primary_key.columns]
        yield from ((tuple(row.get(name) for name in names), True) for row in request.rows)


def _insert(
    cursor: Cursor, program: WriteProgram, statements: Sequence[tuple[str, Sequence[object], str | None]]
) -> list[tuple[object, object]]:
    """Rows that are one statement where the database takes several, and are refused in the same order where not: for
    what they are, then for the keys that lead nowhere."""
    table = program.plan.table.name
    leads_nowhere: DatabaseFault | None = None
    written: list[tuple[object, object]] = []
    late = program.late_keys if len(statements) > 1 else None
    merges = program.merges and len(statements) > 1
    try:
        for text, arguments, lacking in statements:
            try:
                rows = cursor.all(text, arguments)
            except DatabaseFault as fault:
                if lacking is not None and fault.code != NO_SUCH_TARGET:
                    raise null_in_key(lacking, table) from fault
                if fault.code != FOREIGN_KEY or late is None or leads_nowhere is not None:
                    raise
                # The rows behind it may be refused for something that is looked at before.
                leads_nowhere = fault
                cursor.all(late[0])
                rows = cursor.all(text, arguments)
            if lacking is not None:
                raise null_in_key(lacking, table)
            written += [(key, held) for key, held in rows]
            if merges and len({key for key, _ in written}) < len(written):
                raise twice_in_payload()
    finally:
        if leads_nowhere is not None and late is not None:
            with suppress(DatabaseFault):  # the transaction may be gone, and this with it
                cursor.all(late[1])
    if leads_nowhere is not None:
        raise leads_nowhere
    return written


def _insertions(
    program: WriteProgram, request: WriteRequest, carried: Mapping[str, Any]
) -> Iterator[tuple[list[tuple[Statement, Given]], tuple[str, ...]]]:
    """The statements that write the rows of the body, those of one kind together, with the columns that they write."""
    groups = list(_statements(program.plan, request))
    if len({columns for _, columns in groups}) > MOST_KINDS:
        raise too_many_kinds(MOST_KINDS)
    for rows, columns in groups:
        together = program.together(columns) if len(rows) > 1 else None
        if together is not None:
            yield [(together, Given(request.values, request.actor, None, carried, rows))], columns
        else:
            statement = program.mutation(columns)
            yield [(statement, request.given(row, carried)) for row in rows], columns


def _lacking(program: WriteProgram, given: Given, columns: tuple[str, ...]) -> str | None:
    """The column of the key that a row gives as NULL, where the database would number the row instead."""
    row = given.row or {}
    return next((name for name in program.needed if name in columns and row.get(name) in (None, Made(None))), None)


def _statements(plan: WritePlan, request: WriteRequest) -> Iterator[tuple[list[BodyRow], tuple[str, ...]]]:
    """The rows of the body, those together that follow one another with the same columns."""
    for columns, rows in groupby(_rows(plan, request), key=lambda each: each[1]):
        yield [row for row, _ in rows], columns


def _rows(plan: WritePlan, request: WriteRequest) -> Iterator[tuple[BodyRow, tuple[str, ...]]]:
    """The rows of the body, each with the columns that are written of it; an update has one."""
    named = tuple(column.name for column in plan.columns)
    rows = request.rows if plan.verb != "update" else request.rows[:1]
    return ((row, _columns_of(row, named, plan, request)) for row in rows)


def _columns_of(row: BodyRow, named: tuple[str, ...], plan: WritePlan, request: WriteRequest) -> tuple[str, ...]:
    if request.own_columns or plan.missing_default:
        given = tuple(name for name in named if name in row)
        return given + tuple(name for name in row if name not in named) if request.own_columns else given
    return named


def check_size(affected: int, bounds: WriteBounds) -> None:
    """Raises `PipelineFault` where a write touched another number of rows than it may."""
    if bounds.single and affected != 1:
        raise not_single(affected)
    if bounds.most_affected is not None and affected > bounds.most_affected:
        raise too_many_affected(affected)


def _empty(program: WriteProgram) -> str | None:
    return "[]" if program.after is not None else None


def check_replaced_key(program: WriteProgram, request: WriteRequest, url_key: Mapping[str, str]) -> None:
    """The body of a PUT must name the row that its URL names. Raises `PipelineFault` PGRST115."""
    if program.conflict_key is None or len(request.rows) != 1:
        raise key_differs()
    row = request.rows[0]
    if any(name not in row for name in url_key):
        raise key_differs()
    if program.conflict_key(row) != program.conflict_key({**row, **url_key}):
        raise key_differs()
