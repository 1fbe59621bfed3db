"""Policies in SQL against policies judged by hand, on random schemas, rows, callers and policies (Z5).

A case is one policy, one caller and one thing that is done: rows read, found by the session, updated, deleted, or a row that
is inserted or changed. Nothing is left behind: each write is undone.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.api.scenario import Place
from tests.security.naive import Tree, World, judge
from tests.security.random_policies import (
    Caller,
    Schema,
    as_attributes,
    as_expression,
    in_json,
    random_caller,
    random_policy,
    random_row,
    random_rows,
    random_schema,
)
from undercroft import App
from undercroft.access.actor import SERVICE, Actor
from undercroft.access.policy import Command, Policy, rules_of
from undercroft.base.faults import Fault
from undercroft.pipeline.run import Page, Pipeline
from undercroft.pipeline.write import WriteBounds, WriteRequest
from undercroft.query.ask import Ask, Field, Filter, OrderTerm, ReadAsk, SelectField, WriteAsk
from undercroft.sql.rows import Rendering

pytestmark = pytest.mark.filterwarnings("ignore:Type object .*JSONStrIndexType")  # of SQLAlchemy 2.1 itself

EVERY_ROW = Filter(Field("id"), "is", None, negated=False, is_value="not_null")
ONE_ROW = Filter(Field("id"), "eq", 0)
CALLERS = 12


@dataclass
class Bench:
    """One random schema with its rows, in a running app."""

    place: Place
    schema: Schema
    rows: dict[str, list[dict[str, Any]]]

    def pipeline(self, *policies: Policy) -> Pipeline:
        """The app's pipeline under other policies."""
        return replace(self.place.house.pipeline, rules=rules_of(list(policies), []))

    def policy(self, tree: Tree, *commands: Command, check: Tree | None = None, name: str = "random") -> Policy:
        def expression(of: Tree) -> Callable[[Any], Any]:
            return lambda row: as_expression(of, row, self.schema)

        return Policy(name, "things", frozenset(commands), expression(tree), expression(check or tree))

    def world(self, caller: Caller, **more: Any) -> World:
        return World(self.rows, self.schema.kinds, caller.uid, caller.role, caller.claims, **more)

    def expected(self, tree: Tree, caller: Caller, **more: Any) -> set[int]:
        world = self.world(caller, **more)
        return {row["id"] for row in self.rows["things"] if judge(tree, "things", row, world) is True}


@pytest.fixture
def make_bench(tmp_path: Path) -> Iterator[Callable[[random.Random], Bench]]:
    opened: list[Place] = []

    def make(chance: random.Random) -> Bench:
        for place in opened:
            place.__exit__(None, None, None)
        opened.clear()
        schema = random_schema(chance)
        folder = tmp_path / f"{chance.random()}"
        folder.mkdir()
        place = Place(App(models=schema.base), folder).__enter__()
        opened.append(place)
        rows = random_rows(chance, schema)
        for table in ("others", "things", "links"):
            insert(place.house.pipeline, table, rows[table], place)
        return Bench(place, schema, rows)

    yield make
    for place in opened:
        place.__exit__(None, None, None)


def insert(pipeline: Pipeline, table: str, rows: list[dict[str, Any]], place: Place) -> None:
    columns = tuple(rows[0])
    ask = WriteAsk(table, "insert", Ask(), columns)
    program = pipeline.prepare_write((table, columns), SERVICE.role, Rendering(), lambda: ask)
    place.run(pipeline.write(program, WriteRequest(SERVICE, (), [in_json(row) for row in rows])))


# ---------------------------------------------------------------- what the product says


async def read(pipeline: Pipeline, actor: Actor) -> set[int]:
    shape = Ask((SelectField(Field("id")),), (), (OrderTerm(Field("id")),))
    statement = pipeline.prepare_read("all", actor.role, Rendering("csv"), lambda: ReadAsk("things", shape))
    row = pipeline.read_now(statement, (), actor)
    assert row is not None
    return {int(line) for line in (Page(*row).body or "").split("\n")[1:]}


async def find(bench: Bench, pipeline: Pipeline, actor: Actor) -> set[int]:
    """By the session that hooks and functions get."""
    things = bench.schema.classes["things"]
    async with pipeline.engine.transaction(read_only=True) as transaction:
        session = pipeline.context(actor, transaction).session
        plain = set(await session.scalars(sa.select(things.id)))
        objects = {thing.id for thing in await session.scalars(sa.select(things))}
        other = sa.orm.aliased(things)
        under_alias = set(await session.scalars(sa.select(other.id)))
        counted = await session.scalar(sa.select(sa.func.count()).select_from(things))
        assert plain == objects == under_alias
        assert counted == len(plain)
        return plain


class Undone(Exception):
    pass


async def flush(bench: Bench, pipeline: Pipeline, actor: Actor, row: dict[str, Any]) -> bool:
    """A new row by the session: whether it may be there."""
    try:
        async with pipeline.engine.transaction() as transaction:
            session = pipeline.context(actor, transaction).session
            session.add(bench.schema.classes["things"](**as_attributes(bench.schema, "things", row)))
            await session.flush()
            raise Undone
    except Undone:
        return True
    except Fault as fault:
        assert fault.code == "42501", fault  # noqa: PT017 -- any other is a finding
        return False


async def touched(pipeline: Pipeline, actor: Actor, verb: Any) -> set[int] | None:
    """The rows that a write of all rows takes; None where it is refused."""
    ask = WriteAsk("things", verb, Ask((), (EVERY_ROW,)), ("touched",) if verb == "update" else ())
    program = pipeline.prepare_write(verb, actor.role, Rendering(), lambda: ask)
    request = WriteRequest(actor, (), [{"touched": "yes"}], WriteBounds(rollback=True))
    return await written(pipeline, program, request)


async def put(pipeline: Pipeline, actor: Actor, row: dict[str, Any], changed: tuple[str, ...] = ()) -> set[int] | None:
    """One new row, or (with `changed`) one row with some columns changed."""
    columns = changed or tuple(row)
    ask = WriteAsk("things", "update" if changed else "insert", Ask((), (ONE_ROW,) if changed else ()), columns)
    program = pipeline.prepare_write((ask.verb, columns), actor.role, Rendering(), lambda: ask)
    body = {name: value for name, value in in_json(row).items() if name in columns}
    return await written(pipeline, program, WriteRequest(actor, (str(row["id"]),), [body], WriteBounds(rollback=True)))


async def written(pipeline: Pipeline, program: Any, request: WriteRequest) -> set[int] | None:
    try:
        return {int(str(key).strip("[]")) for key in (await pipeline.write(program, request)).keys}
    except Fault as fault:
        assert fault.code == "42501", fault  # noqa: PT017 -- any other is a finding
        return None


# ---------------------------------------------------------------- and what it must say


@dataclass
class Trial:
    """One set of random policies on a bench."""

    bench: Bench
    chance: random.Random
    two_valued: bool = False

    def __post_init__(self) -> None:
        schema, chance = self.bench.schema, self.chance
        self.seen = random_policy(chance, schema)
        self.also = random_policy(chance, schema, depth=1) if chance.random() < 0.3 else ("false",)
        self.using = random_policy(chance, schema)
        self.check = random_policy(chance, schema)
        policies = [
            self.bench.policy(self.seen, "select"),
            self.bench.policy(self.using, "update", "delete", "insert", check=self.check),
        ]
        if self.also != ("false",):
            policies.append(self.bench.policy(self.also, "select", name="also"))
        self.pipeline = self.bench.pipeline(*policies)

    def cases(self, caller: Caller, *, by_session: bool) -> list[Awaitable[str]]:
        """What is done for one caller; each gives what the product answered otherwise than the hand, or ""."""
        bench, pipeline, two = self.bench, self.pipeline, {"two_valued": self.two_valued}
        actor = Actor(caller.role, caller.uid, caller.claims)
        visible = ("or", (self.seen, self.also))
        readable = bench.expected(visible, caller, **two)
        usable = readable & bench.expected(self.using, caller, **two)
        stays = bench.expected(("and", (self.check, visible)), caller, **two)
        new = self.new_row(999)
        may = judge(self.check, "things", new, bench.world(caller, **two)) is True
        old = self.chance.choice(bench.rows["things"])
        changed = tuple(self.chance.sample([c for c in bench.schema.columns("things") if c != "id"], 2))
        becoming = {**old, **{name: value for name, value in self.new_row(old["id"]).items() if name in changed}}
        fits = judge(("and", (self.check, visible)), "things", becoming, bench.world(caller, **two)) is True
        becomes = set() if old["id"] not in usable else {old["id"]} if fits else None
        cases: list[Awaitable[str]] = [
            self.compare("read", read(pipeline, actor), readable),
            self.compare("deleted", touched(pipeline, actor, "delete"), usable),
            self.compare("updated", touched(pipeline, actor, "update"), usable if usable <= stays else None),
            self.compare("inserted", put(pipeline, actor, new), {999} if may else None),
            self.compare("changed", put(pipeline, actor, becoming, changed), becomes),
        ]
        if by_session:
            cases.append(self.compare("found", find(bench, pipeline, actor), readable))
            cases.append(self.compare("flushed", flush(bench, pipeline, actor, new), may))
        return cases

    def new_row(self, key: int) -> dict[str, Any]:
        known = {table: [row["id"] for row in rows] for table, rows in self.bench.rows.items()}
        return random_row(self.chance, self.bench.schema, "things", key, known)

    async def compare(self, what: str, asked: Awaitable[Any], expected: Any) -> str:
        found = await asked
        if found == expected:
            return ""
        policies = f"seen {self.seen} or {self.also}\nusing {self.using}\ncheck {self.check}"
        return f"{what}: {found}, not {expected}\n{policies}"


def trials(
    make_bench: Callable[[random.Random], Bench], seed: int, cases: int, **more: Any
) -> Iterator[tuple[str, Caller]]:
    """So many cases, ten sets of policies to a schema and a dozen callers to a set, all of these at once."""
    chance = random.Random(seed)
    done = 0
    while done < cases:
        bench = make_bench(chance)
        for _ in range(10):
            trial = Trial(bench, chance, **more)
            callers = [random_caller(chance) for _ in range(CALLERS)]
            tries = [(caller, trial.cases(caller, by_session=caller in callers[:2])) for caller in callers]

            async def together(tries: list[tuple[Caller, list[Awaitable[str]]]] = tries) -> list[tuple[str, Caller]]:
                told = await asyncio.gather(*(each for _, some in tries for each in some))
                return list(zip(told, [caller for caller, some in tries for _ in some], strict=True))

            for result in bench.place.run(together()):
                done += 1
                yield result


def test_z5_policies_in_sql_are_policies_judged_by_hand(
    make_bench: Callable[[random.Random], Bench], rounds: Callable[[int, int], int]
) -> None:
    cases = rounds(2_000, 100_000)
    for difference, caller in trials(make_bench, 5, cases):
        assert not difference, f"{difference}\nfor {caller}"


def test_z5_the_two_valued_mistake_is_caught(make_bench: Callable[[random.Random], Bench]) -> None:
    """The same with unknown taken for false: were the test blind, it would see no difference here."""
    found = [difference for difference, _ in trials(make_bench, 6, 700, two_valued=True)]
    assert sum(map(bool, found)) > 50


def test_z5_three_answers_make_a_whole(
    make_bench: Callable[[random.Random], Bench], rounds: Callable[[int, int], int]
) -> None:
    """A policy, its negation and its being unknown part the rows among them; a narrower policy shows no more."""
    chance = random.Random(7)
    for _ in range(rounds(2, 100)):
        bench = make_bench(chance)
        everything = {row["id"] for row in bench.rows["things"]}
        for _ in range(10):
            tree, narrower = random_policy(chance, bench.schema), random_policy(chance, bench.schema)

            def expression(form: Callable[[Any], Any], of: Tree = tree, on: Bench = bench) -> Policy:
                def using(thing: Any) -> Any:
                    return form(as_expression(of, thing, on.schema))

                return Policy("p", "things", frozenset({"select"}), using, lambda _: True)

            parts = [expression(lambda p: p), expression(sa.not_), expression(lambda p: p.is_(None))]
            both = bench.policy(("and", (tree, narrower)), "select")
            for caller in (random_caller(chance) for _ in range(3)):
                actor = Actor(caller.role, caller.uid, caller.claims)
                yes, no, unknown = (bench.place.run(read(bench.pipeline(part), actor)) for part in parts)
                assert yes | no | unknown == everything, f"{tree} for {caller}"
                assert len(yes) + len(no) + len(unknown) == len(everything), f"{tree} for {caller}"
                assert bench.place.run(read(bench.pipeline(both), actor)) <= yes, f"{tree} and {narrower} for {caller}"
