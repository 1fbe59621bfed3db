"""A request of a known shape costs SQLite no second preparation: that would take ten times as long as the read itself.

SQLite asks its authorizer while it prepares a statement and never while it runs one, so a counting authorizer tells.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
import pytest

from examples.social.app import app
from examples.social.seed import Size, seed_once
from undercroft.app import House, build
from undercroft.base.settings import Settings
from undercroft.engine.sqlite import engine as sqlite_engine
from undercroft.engine.sqlite.connection import open_reader

pytestmark = pytest.mark.anyio


class Preparations:
    """Counts what SQLite asks while it prepares."""

    def __init__(self) -> None:
        self.asked = 0

    def watch(self, *arguments: Any) -> Any:
        connection = open_reader(*arguments)
        connection.set_authorizer(self._allow)
        return connection

    def _allow(self, *about: Any) -> int:
        self.asked += 1
        return 0


@pytest.fixture
def preparations(monkeypatch: pytest.MonkeyPatch) -> Preparations:
    counted = Preparations()
    monkeypatch.setattr(sqlite_engine, "open_reader", counted.watch)
    return counted


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's database, made once."""
    data = tmp_path_factory.mktemp("prepared") / "data"
    house = built_on(data)
    house.prepare()
    seed_once(house.engine.migration_connection, Size().divided(200))
    return data


@pytest.fixture
def house(data: Path) -> House:
    return built_on(data)


def built_on(data: Path) -> House:
    return build(app, Settings.load(None, {"UNDERCROFT_DATABASE_DATA": str(data)}))


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("select=id&id=eq.{}", "123"),
        ("select=id&id=lt.{}&order=id.desc&limit=3", "456"),
        ("select=id&order=id&limit=10{}&offset=1", "123"),
        ("select=id&order=id&limit=2&offset={}", "123"),
        ("select=id,comments(id)&id=lt.5&comments.limit=10{}", "123"),
        ("select=id,author(username)&title=neq.{}", "abc"),
        ("select=id,author!inner(username)&author.username=eq.{}", "abc"),
        ("select=id&or=(id.eq.{},title.eq.x)", "123"),
        ("select=id&id=in.({},7)", "123"),
    ],
)
async def test_another_value_of_a_known_shape_is_not_prepared_again(
    house: House, preparations: Preparations, query: str, values: str
) -> None:
    await house.start()
    headers = {"apikey": house.keys.anon}
    transport = httpx2.ASGITransport(app=house.serve)
    try:
        async with httpx2.AsyncClient(transport=transport, base_url="http://house", headers=headers) as client:
            counts = []
            for value in values:
                before = preparations.asked
                (await client.get(f"/rest/v1/posts?{query.format(value)}")).raise_for_status()
                counts.append(preparations.asked - before)
    finally:
        await house.close()
    assert counts[0] > 0, "nothing was prepared at all: the authorizer does not tell"
    assert counts[1:] == [0] * len(counts[1:])
