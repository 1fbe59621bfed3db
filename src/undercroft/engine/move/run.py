"""A move from its first table to the last comparison. Stopped anywhere, it goes on from the last chunk that was
committed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice

from sqlalchemy import MetaData

from undercroft.engine.move.errors import CannotMove, Differs, NotEmpty
from undercroft.engine.move.sums import Summing, sum_of
from undercroft.engine.move.types import (
    OURS,
    Goal,
    Mark,
    Moved,
    OnProgress,
    Origin,
    Positioned,
    Progress,
    Shape,
    Sum,
    TableMoved,
    TextRow,
)

CHUNK_ROWS = 5_000
"""Rows of one transaction on the target."""
CHUNK_CHARACTERS = 8_000_000
"""Fewer rows where they are long, so that memory is bounded."""


@dataclass(frozen=True, slots=True)
class Order:
    """What to move, and how. With `models` the tables are theirs, made by `prepare`; without, the source is reflected.

    `restart` forgets an interrupted move and empties what it had filled.
    """

    models: MetaData | None = None
    prepare: Callable[[], object] | None = None
    restart: bool = False
    on_progress: OnProgress = field(default=lambda _: None)


def move(origin: Origin, goal: Goal, order: Order) -> Moved:
    """Copy everything and compare it.

    Raises `NotEmpty`, `CannotMove`, `Differs`, `Unreachable`, `Busy`; after each of them, and after being killed, the
    same call goes on where it was.
    """
    started = time.monotonic()
    with origin.reading():
        _refuse_half(origin)
        metadata, notes = (order.models, []) if order.models is not None else origin.schema()
        shapes = _shapes(metadata, origin, notes)
        with goal.writing():
            found = goal.journal()
        if found is None and order.prepare is not None:
            order.prepare()
        with goal.writing():
            marks = _marks(found, origin, goal, shapes, order)
            if marks is None:
                made = metadata if order.models is None else None
                _refuse_occupied(goal, shapes, made)
                notes += goal.begin(origin.identity, shapes, made)
            sums = _copy_all(origin, goal, shapes, marks or {}, order.on_progress)
            notes += goal.finish(shapes, {shape.title: origin.counters(shape) for shape in shapes})
            done = _compare_all(origin, goal, shapes, sums, order.on_progress)
            goal.forget()
    return Moved(done, tuple(notes), found is not None and not order.restart, time.monotonic() - started)


def _refuse_half(origin: Origin) -> None:
    """What was filled in part is no source: what is missing in it would be missing for good."""
    found = origin.journal()
    if found is not None:
        raise CannotMove(
            f"{origin.name} holds part of a move from {found[0]} that was not finished",
            hint="Finish that one first, by giving its command again.",
        )


def _shapes(metadata: MetaData, origin: Origin, notes: list[str]) -> list[Shape]:
    shapes = [Shape.of(table) for table in metadata.tables.values() if not table.name.startswith(OURS)]
    there = origin.tables()
    missing = sorted(shape.title for shape in shapes if shape.title not in there)
    if missing:
        raise CannotMove(
            f"{origin.name} has no table {', '.join(missing)}",
            hint="Bring it to the models first: undercroft migrate up.",
        )
    notes += [
        f"the table {name} is in no model, and is left behind" for name in sorted(there - {s.title for s in shapes})
    ]
    if not shapes:
        raise CannotMove(f"{origin.name} has no tables")
    return sorted(shapes, key=lambda shape: shape.title)


def _marks(
    found: tuple[str, dict[str, Mark]] | None, origin: Origin, goal: Goal, shapes: Sequence[Shape], order: Order
) -> dict[str, Mark] | None:
    """How far an interrupted move came; None where there was none."""
    if found is None:
        return None
    identity, marks = found
    if order.restart:
        goal.empty(origin.identity, shapes)
        return {}
    if identity != origin.identity:
        raise NotEmpty(
            f"{goal.name} holds part of a move from {identity}",
            hint="Name that source to go on with it, or add --restart to begin anew with this one.",
        )
    return marks


def _refuse_occupied(goal: Goal, shapes: Sequence[Shape], made: MetaData | None) -> None:
    there = goal.tables()
    taken = [shape for shape in shapes if shape.title in there]
    full = [shape.title for shape in taken if made is not None or not goal.is_empty(shape)]
    if full:
        what = "has the tables" if made is not None else "has rows in"
        raise NotEmpty(
            f"{goal.name} {what} {', '.join(full)} already",
            details=full,
            hint="A move fills an empty database: name another one, or drop what is in this one.",
        )


# ---------------------------------------------------------------- copying


def _copy_all(
    origin: Origin, goal: Goal, shapes: Sequence[Shape], marks: dict[str, Mark], tell: OnProgress
) -> dict[str, Sum]:
    """The checksums of the tables that were read from their beginning."""
    sums = {}
    for shape in shapes:
        mark = marks.get(shape.title)
        if mark is not None and mark.done:
            continue
        if mark is not None and mark.position is None:
            goal.clear(shape)
            mark = None
        found = _copy(origin, goal, shape, mark, tell)
        if found is not None:
            sums[shape.title] = found
    return sums


def _copy(origin: Origin, goal: Goal, shape: Shape, mark: Mark | None, tell: OnProgress) -> Sum | None:
    total = origin.count(shape)
    copied = mark.rows if mark is not None else 0
    summing = Summing(shape) if mark is None else None
    tell(Progress("copying", shape.title, copied, total))
    last = mark.position if mark is not None else None
    with closing(origin.rows(shape, last)) as rows:
        for chunk in _chunks(rows):
            values = [row for _, row in chunk]
            if summing is not None:
                for row in values:
                    summing.add(row)
            copied, last = copied + len(chunk), chunk[-1][0]
            goal.write(shape, values, Mark(copied, last))
            tell(Progress("copying", shape.title, copied, max(total, copied)))
    goal.write(shape, [], Mark(copied, last, done=True))
    return summing.sum if summing is not None else None


def _chunks(rows: Iterator[Positioned]) -> Iterator[list[Positioned]]:
    while chunk := list(_bounded(islice(rows, CHUNK_ROWS))):
        yield chunk


def _bounded(rows: Iterable[Positioned]) -> Iterator[Positioned]:
    characters = 0
    for each in rows:
        yield each
        characters += sum([len(value) for value in each[1] if value is not None])
        if characters > CHUNK_CHARACTERS:
            return


# ---------------------------------------------------------------- comparing


def _compare_all(
    origin: Origin, goal: Goal, shapes: Sequence[Shape], sums: dict[str, Sum], tell: OnProgress
) -> tuple[TableMoved, ...]:
    done, wrong = [], []
    for shape in shapes:
        there = _sum(goal, shape, tell)
        here = sums.get(shape.title) or _sum(origin, shape, tell)
        if here != there:
            wrong.append(f"{shape.title}: {here.rows} rows ({here.digest}) here, {there.rows} ({there.digest}) there")
        done.append(TableMoved(shape.title, there.rows, there.digest))
    if wrong:
        raise Differs(
            f"the two sides differ in {len(wrong)} of {len(shapes)} tables",
            details=wrong,
            hint="If the source was written to meanwhile, stop what writes and run it again with --restart.",
        )
    return tuple(done)


def _sum(side: Origin | Goal, shape: Shape, tell: OnProgress) -> Sum:
    with closing(side.scan(shape)) as rows:
        return sum_of(shape, _told(rows, shape, tell))


def _told(rows: Iterator[TextRow], shape: Shape, tell: OnProgress) -> Iterator[TextRow]:
    count = 0
    for count, row in enumerate(rows, start=1):
        yield row
        if count % CHUNK_ROWS == 0:
            tell(Progress("comparing", shape.title, count, 0))
    tell(Progress("comparing", shape.title, count, count))
