"""An app and the event loops it may live on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from undercroft import App
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings
from undercroft.engine import DatabaseFault


def an_app(folder: Path) -> App:
    base = type("Base", (DeclarativeBase,), {})
    type(
        "Note",
        (base,),
        {"__tablename__": "notes", "__annotations__": {"id": Mapped[int]}, "id": mapped_column(primary_key=True)},
    )
    app = App(base, settings=Settings.load(None, {"UNDERCROFT_DATABASE_DATA": str(folder)}))
    app.developing = True
    return app


async def ask(app: App) -> int:
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://house") as client:
        return (await client.get("/healthz")).status_code


def on_another_loop(work: Any) -> BaseException | None:
    """What came of it, on a loop of another thread, while this one waits."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            asyncio.run(work())
        except BaseException as error:
            raised.append(error)

    thread = Thread(target=run)
    thread.start()
    thread.join(20)
    assert not thread.is_alive(), "it hangs"
    return raised[0] if raised else None


@pytest.mark.anyio
async def test_an_open_app_refuses_a_second_loop(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    assert await ask(app) == 200
    try:
        error = on_another_loop(lambda: ask(app))
        assert isinstance(error, SetupFault)
        assert "another event loop" in str(error)
        assert await ask(app) == 200
    finally:
        await app.stop()


def test_a_stopped_app_may_start_on_another_loop(tmp_path: Path) -> None:
    app = an_app(tmp_path)

    async def once() -> int:
        try:
            return await ask(app)
        finally:
            await app.stop()

    assert [asyncio.run(once()), asyncio.run(once())] == [200, 200]


class Stubborn:
    """Begins, and fails at its end."""

    async def start(self) -> None: ...

    async def stop(self) -> None:
        raise RuntimeError("it does not stop")


@pytest.mark.anyio
async def test_what_fails_at_its_end_keeps_nothing_else_from_being_closed(tmp_path: Path) -> None:
    app = an_app(tmp_path)
    house = await app.start()
    house.running.append(Stubborn())
    with pytest.raises(RuntimeError, match="does not stop"):
        await app.stop()
    with pytest.raises(DatabaseFault):
        await house.engine.read("SELECT 1", ())
    house.running.pop()
    assert await ask(app) == 200
    await app.stop()
