"""The data that all contestants serve: the example's, invented once for a run; and what we make of a read."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx2
import sqlalchemy as sa

from benchmarks.peers import fastapi_sqlalchemy as peer
from benchmarks.server import Server, serving
from examples.social.app import app
from examples.social.seed import ADA, Progress, Size, chunks, seed_once
from examples.social.seed import World as Invented
from undercroft import auth
from undercroft.app import House, build
from undercroft.base.clock import SystemClock
from undercroft.base.settings import Settings

API = "/rest/v1"
HOUR = 3600
Serving = AbstractContextManager[Server]
Seen = list[tuple[str, tuple[object, ...], str]]
"""Statements that reached the driver: text, arguments, and the body that came of it."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """The last statement of a read, as it reached the driver, and what came of it."""

    text: str
    arguments: tuple[object, ...]
    body: str
    place: int
    """The argument that differs between two requests of this kind."""


@dataclass(frozen=True, slots=True)
class World:
    """A filled data directory, and copies of it: one database for each contestant."""

    folder: Path
    size: Size

    @property
    def data(self) -> Path:
        return self.folder / "ours"

    def house(self) -> House:
        return build(app, Settings.load(None, environment(self.data)))

    def headers(self) -> dict[str, str]:
        """What every request brings: the token of a user (HS256)."""
        return {"Authorization": f"Bearer {token_of(self.house())}"}

    def secret(self) -> str:
        return self.house().keys.signing.reveal()

    def ours(self, target: str = "benchmarks.contestants.ours:app") -> Serving:
        return serving("Undercroft", target, environment(self._copy("served")))

    def ceiling(self, recorded: Recorded) -> Serving:
        """A bare application that runs this one statement."""
        read = {"text": recorded.text, "arguments": recorded.arguments, "place": recorded.place}
        return serving(
            "the ceiling",
            "benchmarks.contestants.ceiling:app",
            {**environment(self._copy("ceiling")), "BENCHMARK_READ": json.dumps(read)},
        )

    def peer(self, name: str = "fastapi_sqlalchemy") -> Serving:
        """A peer, on a database of its own with the same rows: FastAPI and SQLAlchemy, or another of `peers`."""
        path = self.folder / "peer.db"
        if not path.exists():
            fill_peer(path, self.size)
        copy = Path(shutil.copy(path, self.folder / "peer-served.db"))
        told = {"PEER_DATABASE": f"sqlite+aiosqlite:///{copy}", "PEER_SECRET": self.secret()}
        return serving(name.partition("_")[0], f"benchmarks.peers.{name}:app", told)

    def record(self, urls: Sequence[str], headers: Mapping[str, str]) -> Recorded:
        """What requests that differ in one value do to the database: they are sent through our own pipeline."""
        return asyncio.run(record(self.house(), _note, urls, headers))

    def backends(self) -> None:
        """SQLite has no processes of its own."""

    def _copy(self, name: str) -> Path:
        target = self.folder / name
        shutil.rmtree(target, ignore_errors=True)
        return Path(shutil.copytree(self.data, target))


def token_of(house: House) -> str:
    """The token of a user, for an hour."""
    claims = {"role": "authenticated", "sub": str(ADA), "exp": int(SystemClock().timestamp()) + HOUR}
    return auth.sign(claims, house.keys.signing)


def environment(data: Path) -> dict[str, str]:
    return {"UNDERCROFT_DATABASE_DATA": str(data), "UNDERCROFT_LOG_REQUESTS": "false"}


def invent(folder: Path, size: Size, progress: Progress = lambda table, done, total: None) -> World:
    """Fill a folder, once."""
    world = World(folder, size)
    house = world.house()
    house.prepare()
    seed_once(house.engine.migration_connection, size, progress=progress)
    return world


def fill_peer(path: Path, size: Size, number: int = 2026) -> None:
    """The same rows, through the peer's own models."""
    engine = sa.create_engine(f"sqlite:///{path}")
    peer.Base.metadata.create_all(engine)
    with engine.begin() as connection:
        for model, _, rows in Invented(Random(number), size).tables():
            if (table := peer.Base.metadata.tables.get(model.__tablename__)) is not None:
                for chunk in chunks(rows):
                    connection.execute(sa.insert(table), chunk)
    engine.dispose()


async def record(
    house: House, note: Callable[[House, Seen], None], urls: Sequence[str], headers: Mapping[str, str]
) -> Recorded:
    """Send requests that differ in one value; `note` has the house write down every read on its way to the driver."""
    await house.start()
    seen: Seen = []
    note(house, seen)
    transport = httpx2.ASGITransport(app=house.serve)
    try:
        async with httpx2.AsyncClient(transport=transport, base_url="http://house") as client:
            for url in urls:
                (await client.get(url, headers=dict(headers))).raise_for_status()
    finally:
        await house.close()
    text, first, body = seen[0]
    places = {place for _, one, _ in seen for place, value in enumerate(one) if value != first[place]}
    if len({text for text, _, _ in seen}) != 1 or len(places) != 1:
        raise AssertionError(f"these requests differ in more than one value: {urls}")
    return Recorded(text, first, body, places.pop())


def _note(house: House, seen: Seen) -> None:
    read_now = house.engine.read_now

    def recording(text: str, arguments: Sequence[object]) -> Any:
        row = read_now(text, arguments)
        if row is None:
            raise AssertionError("a read for a benchmark is short enough for the loop")
        seen.append((text, tuple(arguments), row[0]))
        return row

    house.engine.read_now = recording  # type: ignore[method-assign]  # noted on its way
