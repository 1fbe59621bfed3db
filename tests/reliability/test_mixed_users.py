"""Many callers of all kinds over a few connections, their requests cut off at any moment: each answer is its caller's.

What is asked carries a word that nobody else has, and what is answered must carry it, with the caller's id, role and
claims as the database itself saw them. An answer of somebody else, or nothing of one's own, is the end of the test.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Mapped, mapped_column

from tests import pgbouncer, postgres
from tests.api.scenario import Reply, Request, ask_asgi, get, send
from undercroft import App, Context, Fault, Model, auth
from undercroft.app import database_app
from undercroft.auth import sign
from undercroft.base.secret import Secret
from undercroft.base.settings import Settings

try:  # the driver is an extra
    from tests.e2e import existing
except ImportError:
    GUESTS = ("", "", "")
else:
    GUESTS = existing.GUESTS

pytestmark = pytest.mark.needs("postgres")

SECRET = Secret("a secret of thirty-two letters, at least")
CLIENTS, POOL, PEOPLE = 24, 5, 12
KINDS = range(9)
"""The first and the last leave something behind in their session."""
BUSY = {503, 504}
"""What a machine that has too much else to do may tell: come again, and time is up."""

SERVED = f"""
CREATE TABLE notes (id integer PRIMARY KEY, owner text NOT NULL, word text);
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION me() RETURNS text LANGUAGE sql STABLE AS
    $$SELECT current_setting('request.jwt.claims', true)::json ->> 'sub'$$;
CREATE POLICY own ON notes TO {GUESTS[1]}, {GUESTS[2]} USING (owner = me()) WITH CHECK (owner = me());
GRANT USAGE ON SCHEMA public TO PUBLIC;
GRANT SELECT, UPDATE ON notes TO PUBLIC;
CREATE FUNCTION whoami(mine text) RETURNS json LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
        'sub', me(), 'role', current_user, 'claimed', current_setting('request.jwt.claims')::json ->> 'role',
        'mine', mine, 'header', current_setting('request.headers')::json ->> 'x-mine',
        'left', coalesce(current_setting('my.left', true), ''), 'limit', current_setting('work_mem'),
        'owners', (SELECT coalesce(json_agg(DISTINCT owner), '[]') FROM notes)
    )
$$;
CREATE FUNCTION lingers(mine text) RETURNS json LANGUAGE plpgsql STABLE AS
    $$BEGIN PERFORM pg_sleep(0.004 * random()); RETURN whoami(mine); END$$;
CREATE FUNCTION fails(mine text) RETURNS json LANGUAGE plpgsql AS
    $$BEGIN UPDATE notes SET word = mine; RAISE EXCEPTION '%', whoami(mine); END$$;
CREATE FUNCTION leaves(mine text) RETURNS json LANGUAGE plpgsql AS $$
    DECLARE found json := whoami(mine);
    BEGIN
        PERFORM set_config('my.left', me(), false), set_config('work_mem', '5MB', false);
        PERFORM set_config('role', '{GUESTS[2]}', false);
        RETURN found;
    END
$$;
CREATE FUNCTION stays(note notes) RETURNS text LANGUAGE sql AS $$SELECT set_config('my.left', me(), false)$$;
"""


class Person(NamedTuple):
    """Somebody who asks."""

    sub: str | None
    role: str
    token: str | None


class Asked(NamedTuple):
    """A request, and what an answer to it must be."""

    request: Request
    check: Callable[[Reply], bool]


@dataclass
class World:
    """Something that is served, who asks it, and how."""

    app: Any
    people: list[Person]
    ask: Callable[[int, Person, str], Asked]
    clean: Callable[[], bool]
    kinds: Sequence[int] = ()
    done: int = 0
    told: Counter[int] = field(default_factory=Counter)
    cut: int = 0
    wrong: list[str] = field(default_factory=list)


# --- a database that decides for itself ---


def ask_served(kind: int, who: Person, word: str) -> Asked:
    header = ("x-mine", word)
    expected = {
        "sub": who.sub, "role": who.role, "claimed": who.role, "mine": word, "header": word, "left": "",
        "limit": "4MB", "owners": [who.sub] if who.sub else [],
    }  # fmt: skip
    match kind:
        case 1 | 5:
            return Asked(get(f"/rpc/whoami?mine={word}", header), lambda reply: reply.json() == expected)
        case 2:
            return Asked(send("POST", "/rpc/whoami", {"mine": word}, header), lambda reply: reply.json() == expected)
        case 3:
            return Asked(get(f"/rpc/lingers?mine={word}", header), lambda reply: reply.json() == expected)
        case 4:
            return Asked(
                send("POST", "/rpc/fails", {"mine": word}, header),
                lambda reply: reply.code == "P0001" and json.loads(reply.json()["message"]) == expected,
            )
        case 0:
            return Asked(send("POST", "/rpc/leaves", {"mine": word}, header), lambda reply: reply.json() == expected)
        case 6:
            return Asked(get("/notes?select=owner", header), lambda reply: reply.json() == _owners(who))
        case 8:
            stays = [{**each, "stays": who.sub} for each in _owners(who)]
            return Asked(get("/notes?select=owner,stays", header), lambda reply: reply.json() == stays)
        case _:
            patch = send("PATCH", "/notes", {"word": word}, header, ("prefer", "return=representation"))
            return Asked(
                patch,
                lambda reply: (
                    [(row["owner"], row["word"]) for row in reply.json()] == [(who.sub, word)]
                    if who.sub
                    else reply.json() == []
                ),
            )


def _owners(who: Person) -> list[dict[str, Any]]:
    return [{"owner": who.sub}] if who.sub else []


# --- an app's own database ---


class Note(Model):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    owner: Mapped[UUID]
    word: Mapped[str | None]


def make_app() -> App:
    app = App()

    @app.policy(Note, "select", "update", "insert")
    def own(note: type[Note]) -> Any:
        """Everybody has their own."""
        return note.owner == auth.uid

    async def told(ctx: Context, mine: str) -> dict[str, Any]:
        owners = (await ctx.session.scalars(select(Note.owner).distinct())).all()
        with ctx.as_service():
            limit = await ctx.session.scalar(text("SELECT current_setting('work_mem')"))
        return {
            "sub": str(ctx.auth.uid) if ctx.auth.uid else None,
            "role": ctx.auth.role,
            "mine": mine,
            "owners": [str(owner) for owner in owners],
            "limit": limit,
        }

    @app.rpc(read_only=True)
    async def whoami(ctx: Context, mine: str) -> dict[str, Any]:
        return await told(ctx, mine)

    @app.rpc()
    async def lingers(ctx: Context, mine: str) -> dict[str, Any]:
        with ctx.as_service():
            await ctx.session.execute(select(func.pg_sleep(0.002)))
        return await told(ctx, mine)

    @app.rpc()
    async def fails(ctx: Context, mine: str) -> dict[str, Any]:
        for note in await ctx.session.scalars(select(Note)):
            note.word = mine
        await ctx.session.flush()
        raise Fault(json.dumps(await told(ctx, mine)), code="P0001")

    @app.rpc()
    async def leaves(ctx: Context, mine: str) -> dict[str, Any]:
        found = await told(ctx, mine)
        with ctx.as_service():
            await ctx.session.execute(text("SET work_mem = '5MB'"))
        return found

    return app


def ask_app(kind: int, who: Person, word: str) -> Asked:
    base = "/rest/v1"
    expected = {
        "sub": who.sub, "role": who.role, "mine": word, "owners": [who.sub] if who.sub else [], "limit": "4MB"
    }  # fmt: skip
    match kind:
        case 1 | 4:
            return Asked(get(f"{base}/rpc/whoami?mine={word}"), lambda reply: reply.json() == expected)
        case 2:
            return Asked(send("POST", f"{base}/rpc/lingers", {"mine": word}), lambda reply: reply.json() == expected)
        case 3:
            return Asked(
                send("POST", f"{base}/rpc/fails", {"mine": word}),
                lambda reply: reply.code == "P0001" and json.loads(reply.json()["message"]) == expected,
            )
        case 0:
            return Asked(send("POST", f"{base}/rpc/leaves", {"mine": word}), lambda reply: reply.json() == expected)
        case 5 | 6:
            return Asked(get(f"{base}/notes?select=owner"), lambda reply: reply.json() == _owners(who))
        case _:
            patch = send("PATCH", f"{base}/notes?id=gt.0", {"word": word}, ("prefer", "return=representation"))
            return Asked(
                patch,
                lambda reply: (
                    [(row["owner"], row["word"]) for row in reply.json()] == [(who.sub, word)]
                    if who.sub
                    else reply.json() == []
                ),
            )


# --- the worlds ---


def people_of(roles: tuple[str, ...], anonymous: str, signing: Secret) -> list[Person]:
    people = []
    for number in range(PEOPLE):
        sub, role = str(UUID(int=number + 1)), roles[number % len(roles)]
        claims = {"sub": sub, "role": role, "exp": int(time.time()) + 36_000}
        people.append(Person(sub, role, sign(claims, signing)))
    return [*people, Person(None, anonymous, None), Person(None, anonymous, None)]


def fill(url: str) -> None:
    rows = ", ".join(f"({number + 1}, '{UUID(int=number + 1)}', '')" for number in range(PEOPLE))
    existing.run(url, f"INSERT INTO notes (id, owner, word) VALUES {rows}")


def connections_clean(app: Any) -> bool:
    pool = app._house.engine._pool
    return len(pool._all) <= POOL and len(pool._idle) == len(pool._all) and all(each.clean for each in pool._all)


Through = Callable[[str], str]
"""What stands between: the URL of a database to that by which it is reached."""


@asynccontextmanager
async def served_world(url: str, through: Through = str) -> AsyncIterator[World]:
    existing.make_roles(url)
    existing.run(url, SERVED)
    fill(url)
    mapping = {
        "UNDERCROFT_DATABASE_URL": existing.as_authenticator(through(url)), "UNDERCROFT_DATABASE_POOL": str(POOL),
        "UNDERCROFT_AUTH_JWT_SECRET": SECRET.reveal(), "UNDERCROFT_API_ANON_ROLE": GUESTS[0],
        "UNDERCROFT_POSTGREST_STAND_IN": "true", "UNDERCROFT_LOG_REQUESTS": "false",
    }  # fmt: skip
    app = database_app(Settings.load(None, mapping))
    await app.start()
    try:
        people = people_of(GUESTS[1:], GUESTS[0], SECRET)
        yield World(app, people, ask_served, lambda: connections_clean(app))
    finally:
        await app.stop()


@asynccontextmanager
async def app_world(url: str, data: Path, through: Through = str) -> AsyncIterator[World]:
    app = make_app()
    mapping = {
        "UNDERCROFT_DATABASE_URL": through(url), "UNDERCROFT_DATABASE_POOL": str(POOL),
        "UNDERCROFT_DATABASE_DATA": str(data),
        "UNDERCROFT_AUTH_JWT_SECRET": SECRET.reveal(), "UNDERCROFT_LOG_REQUESTS": "false",
    }  # fmt: skip
    app.settings = Settings.load(None, mapping)
    await app.start()
    fill(url)
    try:
        yield World(app, people_of(("authenticated",), "anon", SECRET), ask_app, lambda: connections_clean(app))
    finally:
        await app.stop()


# --- the asking ---


async def ask_for_a_while(world: World, requests: int, chance: random.Random) -> None:
    """So many requests by all clients at once; three in ten are cut off after any number of the loop's turns."""
    left = requests

    async def client(name: int) -> None:
        nonlocal left
        while left > 0 and not world.wrong:
            left -= 1
            who, word = chance.choice(world.people), f"{name}.{left}"
            asked = world.ask(chance.choice(world.kinds), who, word)
            headers = [(str(key).encode(), str(value).encode()) for key, value in asked.request.headers]
            if who.token is not None:
                headers.append((b"authorization", b"Bearer " + who.token.encode()))
            asking = asyncio.ensure_future(ask_asgi(world.app, asked.request, headers))
            if chance.random() < 0.3:
                await _some_time(chance)
                asking.cancel()
            try:
                reply = await asking
            except asyncio.CancelledError:
                world.cut += 1
                continue
            world.told[reply.status] += 1
            if reply.status not in BUSY and not asked.check(reply):
                world.wrong.append(f"{asked.request} of {who[:2]}: {reply.status} {reply.body[:500]!r}")

    await asyncio.gather(*(client(name) for name in range(CLIENTS)))
    world.done += requests


async def _some_time(chance: random.Random) -> None:
    if chance.random() < 0.5:
        for _ in range(chance.randrange(30)):
            await asyncio.sleep(0)
    else:
        await asyncio.sleep(0.01 * chance.random() ** 2)


async def settled(true: Callable[[], bool], seconds: float = 10) -> bool:
    """Whether it comes to be."""
    until = time.monotonic() + seconds
    while not true() and time.monotonic() < until:  # noqa: ASYNC110  # a pool has no event
        await asyncio.sleep(0.02)
    return true()


@pytest.fixture
def databases(postgres_server: str) -> Iterator[list[str]]:
    with ExitStack() as stack:
        yield [stack.enter_context(postgres.database(postgres_server)) for _ in range(2)]


@pytest.mark.timeout(7200)
def test_each_answer_is_its_callers_own(
    databases: list[str], tmp_path: Path, rounds: Callable[[int, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    told = asyncio.run(ask_both(databases, tmp_path, rounds(5_000, 1_000_000)))
    with capsys.disabled():
        print(f"\n  mixed users: {told}")


@pytest.mark.needs("pgbouncer")
@pytest.mark.timeout(3600)
def test_each_answer_is_its_callers_own_behind_a_pooler(
    databases: list[str], tmp_path: Path, rounds: Callable[[int, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    """It lends connections for single transactions: what is set for a session there is nobody's."""
    with pgbouncer.pooled(databases[0]) as one, pgbouncer.pooled(databases[1]) as two:
        poolers = dict(zip(databases, (one, two), strict=True))
        told = asyncio.run(ask_both(databases, tmp_path, rounds(1_500, 100_000), poolers.__getitem__))
    with capsys.disabled():
        print(f"\n  mixed users behind PgBouncer: {told}")


async def ask_both(databases: Sequence[str], data: Path, requests: int, through: Through | None = None) -> str:
    """Ask a database that is served, and one of an app's own, in turn; what was told, in words."""
    chance = random.Random(12)
    began = time.monotonic()
    way = through or str
    async with served_world(databases[0], way) as served, app_world(databases[1], data, way) as app:
        worlds = (served, app)
        while sum(world.done for world in worlds) < requests:
            for world in worlds:
                world.kinds = KINDS if through is None else KINDS[1:-1]
                await ask_for_a_while(world, min(requests // 2, 10_000), chance)
                assert world.wrong == []
        for world in worlds:
            assert await settled(world.clean), "a connection did not come back clean"
            assert world.cut > world.done // 50
            assert world.told[200] > world.done // 4
            assert sum(world.told[status] for status in BUSY) < world.done // 100
    lines = [f"{sum(world.done for world in worlds)} requests in {time.monotonic() - began:.0f} s"]
    for name, world in zip(("database mode", "app mode"), worlds, strict=True):
        lines.append(f"{name}: {world.done} asked, {world.cut} cut off, told {dict(sorted(world.told.items()))}")
    return "\n    ".join(lines)
