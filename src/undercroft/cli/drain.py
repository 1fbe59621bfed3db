"""Going away politely: requests that were accepted are answered, and nobody new is invited."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from undercroft.web.types import ASGIApp, Receive, Scope, Send


class Drain:
    """Stands between server and app: counts the requests in work, and on the way out has clients close connections.

    What an application that the app mounts lets escape is told to the log here; the caller gets the server's plain 500.
    """

    def __init__(self, application: ASGIApp, log: Any) -> None:
        self._application = application
        self._log = log
        self._draining = False
        self._idle = asyncio.Event()
        self.running = 0
        """HTTP requests in work at this moment."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        self.running += 1
        try:
            if self._draining and scope["http_version"].startswith("1"):
                send = _closing(send)
            await self._application(scope, receive, send)
        except Exception as error:
            self._log.exception("crash", exc_info=error, method=scope["method"], path=scope["path"][:300])
            raise
        finally:
            self.running -= 1
            if self._draining and not self.running:
                self._idle.set()

    async def wait(self, seconds: float) -> bool:
        """Until no request is in work, for at most `seconds`; whether that came to be."""
        self._draining = True
        if not self.running:
            return True
        try:
            async with asyncio.timeout(seconds):
                await self._idle.wait()
        except TimeoutError:
            return False
        return True


def _closing(send: Send) -> Send:
    async def closing(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        await send(message)

    return closing
