"""A built app: every room, joined, from its start to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from undercroft.auth.types import Keys
from undercroft.base.settings import Settings
from undercroft.engine import SQLiteEngine
from undercroft.pipeline.call import Caller
from undercroft.pipeline.run import Pipeline
from undercroft.web.door import Door, raw_path
from undercroft.web.outside import Outside
from undercroft.web.types import Receive, Scope, Send


@dataclass(slots=True, eq=False)
class House:
    """A built app: every room, and what joins them."""

    settings: Settings
    keys: Keys
    engine: SQLiteEngine
    pipeline: Pipeline
    caller: Caller
    door: Door
    outside: Outside
    prepare: Callable[[], object]

    async def start(self) -> None:
        self.prepare()
        try:
            await self.engine.start()
            for each in self.outside.mounted:
                await each.start()
        except BaseException:
            await self.close()
            raise
        self.outside.ready = True

    async def close(self) -> None:
        self.outside.ready = False
        for each in reversed(self.outside.mounted):
            await each.stop()
        await self.engine.close()

    def serve(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """An ASGI application for HTTP. It only shows the way: a coroutine less for every request."""
        found = self.door.room_of(raw_path(scope))
        if found is None:
            return self.outside(scope, receive, send)
        return self.door(scope, receive, send, *found)
