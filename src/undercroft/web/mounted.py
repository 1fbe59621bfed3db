"""An application that the app mounts, with its own start and end: nobody else would tell it of them.

The ASGI specification, "Lifespan Protocol": an application that does not know it raises, and is served without.
"""

from __future__ import annotations

import asyncio
from typing import Any

from undercroft.base.faults import SetupFault
from undercroft.web.types import ASGIApp, Receive, Scope, Send


class Mounted:
    """Passes requests on, and what the application's lifespan left as state with them."""

    def __init__(self, path: str, application: ASGIApp) -> None:
        self.path = path
        self._application = application
        self._state: dict[str, Any] = {}
        self._events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._answers: asyncio.Queue[Any] = asyncio.Queue()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._state:
            scope = {**scope, "state": {**scope.get("state", {}), **self._state}}
        await self._application(scope, receive, send)

    async def start(self) -> None:
        """Have it start. Raises `SetupFault` where it says that it cannot."""
        self._state, self._events, self._answers = {}, asyncio.Queue(), asyncio.Queue()
        self._task = asyncio.create_task(self._live())
        failed = await self._tell("startup")
        if failed is not None:
            await self.stop()
            raise SetupFault(f"the application mounted at {self.path} does not start: {failed}")

    async def stop(self) -> None:
        """Have it end; one that is not running has nothing to do."""
        task, self._task = self._task, None
        if task is not None and not task.done():
            await self._tell("shutdown")
            await task

    async def _tell(self, moment: str) -> str | None:
        await self._events.put({"type": f"lifespan.{moment}"})
        answer: dict[str, Any] | None = await self._answers.get()
        if answer is None or not answer["type"].endswith(".failed"):
            return None
        return str(answer.get("message") or "no reason given").strip().splitlines()[-1]

    async def _live(self) -> None:
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self._state}
        try:
            await self._application(scope, self._events.get, self._answers.put)
        except Exception:  # noqa: S110  # it does not know the protocol, or has said what is wrong
            pass
        finally:
            await self._answers.put(None)
