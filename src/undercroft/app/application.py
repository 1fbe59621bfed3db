"""`App`: what an app file makes, and an ASGI application that serves it."""

from __future__ import annotations

import asyncio
from asyncio import get_running_loop

from sqlalchemy.orm import DeclarativeBase

from undercroft.app.blueprint import Blueprint
from undercroft.app.building import build
from undercroft.app.house import House
from undercroft.app.wiring import load_settings
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings
from undercroft.models.base import Model
from undercroft.web.types import Receive, Scope, Send


class App(Blueprint):
    """An app: what its file declares, and an ASGI application that serves it.

    `models` is the declarative base whose tables are served; an existing project's own base will do. `settings` are
    read from `undercroft.toml` and the environment when they are left out. `existing` says that the database belongs to
    somebody else: its schema is never written to, and a column may hold values of any type.
    """

    def __init__(
        self,
        models: type[DeclarativeBase] = Model,
        *,
        title: str = "Undercroft",
        settings: Settings | None = None,
        existing: bool = False,
    ) -> None:
        super().__init__(models, title=title, existing=existing)
        self.settings = settings
        self.house: House | None = None
        """A house that was built by hand; by default one is built from the settings at the start."""
        self._house: House | None = None
        self._starting = asyncio.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> House:
        """Open everything, once. Raises `SetupFault`, also where the app is open on another event loop."""
        async with self._lock_of(get_running_loop()):
            if self._house is None:
                house = self.house or build(self, self.settings or load_settings())
                await house.start()
                self._house = house
        return self._house

    def _lock_of(self, loop: asyncio.AbstractEventLoop) -> asyncio.Lock:
        """An app lives on one loop at a time: what waits on one is never woken by another."""
        if self._loop is not loop:
            if self._house is not None:
                raise SetupFault(
                    "this app is open on another event loop",
                    hint="Stop it there first (`await app.stop()`), or serve each loop with an App of its own.",
                )
            self._loop, self._starting = loop, asyncio.Lock()
        return self._starting

    async def stop(self) -> None:
        """Answer what is queued and close; the app may be started again."""
        house, self._house = self._house, None
        if house is not None:
            await house.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
            return
        house = self._house
        if house is None or self._loop is not get_running_loop():
            # Mounted in another application, nobody announces the start: the first request does.
            house = await self.start()
        await (house.serve if scope["type"] == "http" else house.outside)(scope, receive, send)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.start()
        except Exception as error:
            await send({"type": "lifespan.startup.failed", "message": str(error)})
            raise
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self.stop()
        await send({"type": "lifespan.shutdown.complete"})
