"""Going away politely: requests that were accepted are answered, and nobody new is invited."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from undercroft.web.streaming import StreamCut

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from undercroft.web.types import ASGIApp, Receive, Scope, Send

_UNWINDING = 1.0
"""Seconds in which a request that is cut off may undo what it began."""


class Drain:
    """Stands between server and app: counts the requests in work, and on the way out has clients close connections.

    What an application that the app mounts lets escape is told to the log here; the caller gets the server's plain 500.
    """

    def __init__(self, application: ASGIApp, log: Any) -> None:
        self._application = application
        self._log = log
        self._draining = False
        self._idle = asyncio.Event()
        self._tasks: set[asyncio.Task[Any] | None] = set()

    @property
    def running(self) -> int:
        """HTTP requests in work at this moment."""
        return len(self._tasks)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        task = asyncio.current_task()
        self._tasks.add(task)
        try:
            if self._draining and scope["http_version"].startswith("1"):
                send = _closing(send)
            await self._application(scope, receive, send)
        except StreamCut:  # told already: the server breaks the connection, since the answer has no end
            pass
        except Exception as error:
            self._log.exception("crash", exc_info=error, method=scope["method"], path=scope["path"][:300])
            raise
        finally:
            self._tasks.discard(task)
            if self._draining and not self._tasks:
                self._idle.set()

    async def wait(self, seconds: float) -> bool:
        """Until no request is in work, for at most `seconds`; whether that came to be."""
        self._draining = True
        if not self._tasks:
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True

    async def cut_off(self) -> int:
        """End the requests that are still in work, which undoes their transactions; how many there were."""
        tasks = [task for task in self._tasks if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=_UNWINDING)
        return len(tasks)


def _closing(send: Send) -> Send:
    async def closing(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return closing
