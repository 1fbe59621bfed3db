"""Both walls agree: policies compiled into a statement, and the same policies as PostgreSQL's row-level security.

A case is one caller and one thing that is done. The app does it by its own statement, as a superuser, whom row-level
security does not concern. Then plain SQL does it in the caller's role and with the caller's claims, and no policy in it.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from tests.api.scenario import Place
from tests.security.naive import Tree
from tests.security.random_policies import (
    Caller,
    Schema,
    as_expression,
    random_caller,
    random_policy,
    random_row,
    random_rows,
    random_schema,
)
from tests.security.test_policies_differential import insert, put, touched
from undercroft import App
from undercroft.access.actor import Actor
from undercroft.access.policy import Command, Policy, Rules, rules_of
from undercroft.engine import migrate
from undercroft.engine.migrate import walls
from undercroft.pipeline.run import Page, Pipeline
from undercroft.pipeline.second_wall import SecondWall
from undercroft.query.ask import Ask, Field, OrderTerm, ReadAsk, SelectField
from undercroft.sql.postgres import TextDialect
from undercroft.sql.rls import ANYBODY, roles_of_rules, wall_of
from undercroft.sql.rows import Rendering

pytestmark = [
    pytest.mark.needs("postgres"),
    pytest.mark.filterwarnings("ignore:Type object .*JSONStrIndexType"),  # of SQLAlchemy 2.1 itself
]

CALLERS = 10


@dataclass
class Bench:
    """One random schema with its rows, in an app on PostgreSQL, and a connection beside it."""

    place: Place
    schema: Schema
    rows: dict[str, list[dict[str, Any]]]
    connection: Any

    def policy(self, name: str, tree: Tree, *commands: Command, check: Tree | None = None, to: Any = ()) -> Policy:
        def expression(of: Tree) -> Callable[[Any], Any]:
            return lambda row: as_expression(of, row, self.schema)

        using = expression(tree)
        return Policy(name, "things", frozenset(commands), using, expression(check) if check else using, frozenset(to))

    @contextmanager
    def walled(self, rules: Rules) -> Iterator[None]:
        """Within the block the database has the second wall, for the connection beside the app."""
        wall = wall_of(self.place.house.pipeline.catalog, rules, TextDialect())
        with self.connection.transaction(force_rollback=True):
            for piece in wall.pieces:
                self.connection.execute(piece.up)
            yield


@pytest.fixture
def make_bench(tmp_path: Path, postgres_server: str) -> Iterator[Callable[[random.Random], Bench]]:
    import psycopg

    opened: list[Bench] = []

    def close() -> None:
        for bench in opened:
            bench.connection.close()
            bench.place.__exit__(None, None, None)
        opened.clear()

    def make(chance: random.Random) -> Bench:
        close()
        schema = random_schema(chance)
        folder = tmp_path / f"{chance.random()}"
        folder.mkdir()
        place = Place(App(models=schema.base), folder, server=postgres_server).__enter__()
        connection = psycopg.connect(place.environment["UNDERCROFT_DATABASE_URL"], autocommit=True)
        bench = Bench(place, schema, random_rows(chance, schema), connection)
        opened.append(bench)
        for table in ("others", "things", "links"):
            insert(place.house.pipeline, table, bench.rows[table], place)
        return bench

    yield make
    close()


# ---------------------------------------------------------------- what is done, by both


Answers = dict[str, "set[int] | None"]
"""The rows that something reached, by what was done; None where it was refused."""


@dataclass
class Deeds:
    """What one caller tries: to read, delete and update everything, to add a row, to change one."""

    new: dict[str, Any]
    becoming: dict[str, Any]
    changed: tuple[str, ...]

    async def by_the_app(self, pipeline: Pipeline, actor: Actor) -> Answers:
        return {
            "read": await read(pipeline, actor),
            "deleted": await touched(pipeline, actor, "delete"),
            "updated": await touched(pipeline, actor, "update"),
            "inserted": await put(pipeline, actor, self.new),
            "changed": await put(pipeline, actor, self.becoming, self.changed),
        }

    def by_plain_sql(self, connection: Any, actor: Actor, roles: tuple[str, ...]) -> Answers:
        from psycopg.sql import SQL, Identifier, Literal

        listed = SQL(", ").join(map(Identifier, self.new))
        values = SQL(", ").join(Literal(bound(each)) for each in self.new.values())
        pairs = SQL(", ").join(
            SQL("{} = {}").format(Identifier(name), Literal(bound(self.becoming[name]))) for name in self.changed
        )
        one = SQL("UPDATE things SET {} WHERE id = {} RETURNING id").format(pairs, Literal(self.becoming["id"]))
        statements = {
            "read": SQL("SELECT id FROM things"),
            "deleted": SQL("DELETE FROM things WHERE id IS NOT NULL RETURNING id"),
            "updated": SQL("UPDATE things SET touched = 'yes' WHERE id IS NOT NULL RETURNING id"),
            "inserted": SQL("INSERT INTO things ({}) VALUES ({})").format(listed, values),
            "changed": one,
        }
        return {what: done(connection, each, actor, roles) for what, each in statements.items()}


def bound(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict) else value


def done(connection: Any, statement: Any, actor: Actor, roles: tuple[str, ...]) -> set[int] | None:
    """One statement as the caller, undone afterwards."""
    from psycopg import errors

    role = actor.role if actor.role in roles else ANYBODY
    claims = {**actor.claims, "role": actor.role, **({} if actor.uid is None else {"sub": actor.uid})}
    try:
        with connection.transaction(force_rollback=True):
            settings = "SELECT set_config('role', %s, true), set_config('request.jwt.claims', %s, true)"
            connection.execute(settings, (role, json.dumps(claims)))
            cursor = connection.execute(statement)
            return {row[0] for row in cursor} if cursor.description else {999}
    except errors.InsufficientPrivilege:
        return None


async def read(pipeline: Pipeline, actor: Actor) -> set[int]:
    shape = Ask((SelectField(Field("id")),), (), (OrderTerm(Field("id")),))
    statement = pipeline.prepare_read("all", actor.role, Rendering("csv"), lambda: ReadAsk("things", shape))
    row = await pipeline.read_slow(statement, (), actor)
    return {int(line) for line in (Page(*row).body or "").split("\n")[1:]}


# ---------------------------------------------------------------- random policies


def random_rules(bench: Bench, chance: random.Random) -> tuple[Rules, list[Tree]]:
    trees = [random_policy(chance, bench.schema) for _ in range(4)]
    seen, also, using, check = trees
    policies = [
        bench.policy("seen", seen, "select"),
        bench.policy("also", also, "select", to=("authenticated",)),
        bench.policy("written", using, "update", "delete", "insert", check=check),
    ]
    return rules_of(policies, []), trees


def differences(bench: Bench, chance: random.Random, *, planted: bool = False) -> Iterator[str]:
    """What some callers meet at the two walls; the empty text where it is the same."""
    rules, trees = random_rules(bench, chance)
    pipeline = replace(bench.place.house.pipeline, rules=rules)
    callers = [random_caller(chance) for _ in range(CALLERS)]
    actors = [Actor(caller.role, caller.uid, caller.claims) for caller in callers]
    deeds = [random_deeds(bench, chance) for _ in callers]

    async def together() -> list[Answers]:
        return [await deed.by_the_app(pipeline, actor) for deed, actor in zip(deeds, actors, strict=True)]

    first = bench.place.run(together())
    walls = rules if not planted else rules_of([*rules.policies["things"][:2], wrong(bench, trees)], [])
    with bench.walled(walls):
        roles = roles_of_rules(rules)
        for deed, actor, by_app in zip(deeds, actors, first, strict=True):
            by_sql = deed.by_plain_sql(bench.connection, actor, roles)
            for what, found in by_app.items():
                told = f"{what}: {found} by the app, {by_sql[what]} by the database\n{trees}\nfor {actor} {deed}"
                yield "" if found == by_sql[what] else told


def wrong(bench: Bench, trees: list[Tree]) -> Policy:
    """The policy for writes with its two sides confused."""
    _, _, using, check = trees
    return bench.policy("written", check, "update", "delete", "insert", check=using)


def random_deeds(bench: Bench, chance: random.Random) -> Deeds:
    known = {table: [row["id"] for row in rows] for table, rows in bench.rows.items()}
    old = chance.choice(bench.rows["things"])
    changed = tuple(chance.sample([c for c in bench.schema.columns("things") if c != "id"], 2))
    other = random_row(chance, bench.schema, "things", old["id"], known)
    new = random_row(chance, bench.schema, "things", 999, known)
    return Deeds(new, {**old, **{name: other[name] for name in changed}}, changed)


def test_both_walls_agree(make_bench: Callable[[random.Random], Bench], rounds: Callable[[int, int], int]) -> None:
    chance = random.Random(11)
    for _ in range(rounds(2, 200)):
        bench = make_bench(chance)
        for _ in range(8):
            for difference in differences(bench, chance):
                assert not difference, difference


def test_a_wall_with_a_fault_is_noticed(make_bench: Callable[[random.Random], Bench]) -> None:
    """Were the comparison blind, it would see no difference here."""
    chance = random.Random(12)
    bench = make_bench(chance)
    assert any(difference for _ in range(6) for difference in differences(bench, chance, planted=True))


def test_an_app_behind_both_walls_answers_the_same(
    make_bench: Callable[[random.Random], Bench], rounds: Callable[[int, int], int]
) -> None:
    """The same statements, run in the callers' roles, where the queries of policies are functions of the database."""
    chance = random.Random(13)
    for _ in range(rounds(1, 60)):
        bench = make_bench(chance)
        site = migrate.place_at(bench.place.environment["UNDERCROFT_DATABASE_URL"])
        for _ in range(4):
            rules, trees = random_rules(bench, chance)
            plain = replace(bench.place.house.pipeline, rules=rules)
            walls.apply(wall_of(plain.catalog, rules, TextDialect()).pieces, site)
            wall = SecondWall(frozenset(roles_of_rules(rules)), ANYBODY)
            walled = replace(plain, rules=replace(rules, calls_functions=True), wall=wall)
            for caller in (random_caller(chance) for _ in range(CALLERS)):
                actor = Actor(caller.role, caller.uid, with_uid(caller))
                deed = random_deeds(bench, chance)
                one = bench.place.run(deed.by_the_app(plain, actor))
                two = bench.place.run(deed.by_the_app(walled, actor))
                assert one == two, f"{trees}\nfor {actor} {deed}"


def with_uid(caller: Caller) -> dict[str, Any]:
    """The claims as a token has them."""
    return caller.claims if caller.uid is None else {**caller.claims, "sub": caller.uid}
