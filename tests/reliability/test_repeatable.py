"""Functions whose transactions meet: who may be run again is, and the others are told to come again."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from tests.api.scenario import Place, send
from undercroft import App, Context, Model

pytestmark = pytest.mark.needs("postgres")


class Account(Model):
    __tablename__ = "accounts"
    id: Mapped[int] = mapped_column(primary_key=True)
    coins: Mapped[int]


def make_app(runs: list[str]) -> App:
    app = App()

    async def move(ctx: Context, one: int, other: int, name: str) -> int:
        runs.append(name)
        with ctx.as_service():
            for account, change in ((one, -1), (other, 1)):
                update = text("UPDATE accounts SET coins = coins + :change WHERE id = :id")
                await ctx.session.execute(update, {"change": change, "id": account})
                await asyncio.sleep(0.1)
        return len(runs)

    @app.rpc(repeatable=True)
    async def transfer(ctx: Context, one: int, other: int) -> int:
        return await move(ctx, one, other, "transfer")

    @app.rpc()
    async def transfer_once(ctx: Context, one: int, other: int) -> int:
        return await move(ctx, one, other, "once")

    @app.rpc()
    async def fill(ctx: Context) -> None:
        with ctx.as_service():
            ctx.session.add_all([Account(id=1, coins=5), Account(id=2, coins=5)])

    @app.rpc(read_only=True)
    async def coins(ctx: Context) -> list[Any]:
        with ctx.as_service():
            return list(await ctx.session.scalars(text("SELECT coins FROM accounts ORDER BY id")))

    return app


def test_deadlocks_of_functions(postgres_server: str, tmp_path: Path) -> None:
    runs: list[str] = []
    with Place(make_app(runs), tmp_path, server=postgres_server) as place:
        assert place.ask(send("POST", "/rest/v1/rpc/fill")).status == 204

        def both(name: str) -> list[int]:
            ways = ({"one": 1, "other": 2}, {"one": 2, "other": 1})
            return [
                reply.status for reply in place.ask_at_once(send("POST", f"/rest/v1/rpc/{name}", way) for way in ways)
            ]

        assert both("transfer") == [200, 200]
        assert runs.count("transfer") > 2, "they met"
        assert sorted(both("transfer_once")) == [200, 503]
        assert runs.count("once") == 2
        left = place.ask(send("POST", "/rest/v1/rpc/coins")).json()
        assert sorted(left) == [4, 6], "what one of them did once, and nothing twice"
