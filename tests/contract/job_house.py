"""An app whose jobs are looked at from inside, on either engine, with a worker of its own or driven by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from undercroft import App, Context
from undercroft.access.actor import SERVICE, Actor
from undercroft.app import House, build
from undercroft.base.clock import Clock
from undercroft.base.settings import Settings
from undercroft.jobs.service.background import Background
from undercroft.jobs.service.worker import Worker
from undercroft.models.base import NAMES


class JobBase(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)


class Entry(JobBase):
    """What a job has done."""

    __tablename__ = "entries"
    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


class JobHouse:
    """A started house, and how a test speaks with it."""

    def __init__(self, house: House) -> None:
        self.house = house

    @property
    def background(self) -> Background:
        return next(each for each in self.house.running if isinstance(each, Background))

    @property
    def worker(self) -> Worker:
        worker = self.background.worker
        assert worker is not None
        return worker

    @asynccontextmanager
    async def calling(self, actor: Actor = SERVICE) -> AsyncIterator[Context]:
        async with self.house.pipeline.calling(actor) as calling:
            yield calling.context

    async def rows(self, text: str) -> list[tuple[Any, ...]]:
        """What the database holds; `undercroft.x` is a table of the house."""
        if self.house.engine.dialect.name == "sqlite":
            for table in ("jobs", "job_rates", "job_slots"):
                text = text.replace(f"undercroft.{table} ", f'"undercroft.{table}" ')
        return await self.house.engine.write(lambda cursor: cursor.all(text))

    async def entries(self) -> list[str]:
        return [text for (text,) in await self.rows("SELECT text FROM entries ORDER BY id ")]

    async def states(self) -> dict[int, str]:
        return dict(await self.rows("SELECT id, state FROM undercroft.jobs ORDER BY id "))

    async def until(self, condition: Callable[[], Any], seconds: float = 10) -> None:
        """Wait for what an awaitable condition says."""
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110  # the database tells nobody
                await asyncio.sleep(0.01)

    async def settled(self, seconds: float = 10) -> None:
        """Wait until nothing is to be done any more."""

        async def is_settled() -> bool:
            states = (await self.states()).values()
            return not {"waiting", "running", "later"} & set(states)

        await self.until(is_settled, seconds)


@asynccontextmanager
async def job_house(
    app: App, folder: Path, url: str | None, *, clock: Clock | None = None, rls: bool = False, **jobs: object
) -> AsyncIterator[JobHouse]:
    """The app on a database of its own; `jobs` are settings of the section."""
    given = {"UNDERCROFT_DATABASE_DATA": str(folder), "UNDERCROFT_DATABASE_RLS": str(rls).lower()}
    given |= {f"UNDERCROFT_JOBS_{name.upper()}": str(value) for name, value in jobs.items()}
    if url is not None:
        given["UNDERCROFT_DATABASE_URL"] = url
    app.developing = True
    house = build(app, Settings.load(None, given), clock=clock)
    await house.start()
    try:
        yield JobHouse(house)
    finally:
        await house.close()
