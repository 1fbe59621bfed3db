"""A built app: every room, joined, from its start to its end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Literal, Protocol

from undercroft.auth.service.room import Room as People
from undercroft.auth.types import Keys
from undercroft.base.settings import Settings
from undercroft.engine.types import Engine
from undercroft.graphql.parts.describing.described import Described
from undercroft.jobs.service.background import Background
from undercroft.mail.service import Mailer
from undercroft.pipeline.call import Caller
from undercroft.pipeline.run import Pipeline
from undercroft.web.door import Door, raw_path
from undercroft.web.outside import Outside
from undercroft.web.types import Receive, Scope, Send


class Beside(Protocol):
    """What runs beside the requests, and has read again what may have changed."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def ask(self, what: Literal["schema", "config"]) -> None: ...


class Running(Protocol):
    """What lives as long as the house does: a worker, a pool, a client."""

    async def start(self) -> None: ...

    async def stop(self) -> None: ...


@dataclass(slots=True, eq=False)
class House:
    """A built app: every room, and what joins them."""

    settings: Settings
    keys: Keys
    engine: Engine
    pipeline: Pipeline
    caller: Caller
    door: Door
    outside: Outside
    prepare: Callable[[], object]
    beside: Beside | None = None
    running: list[Running] = field(default_factory=list)
    """Started in this order behind the engine, stopped in the other one before it."""
    background: Background | None = None
    """The outbox; None over an existing database, as is"""
    mailer: Mailer | None = None
    people: People | None = None
    """What the verbs of `/auth/v1` share, where it is served."""
    describe: Callable[[str], Awaitable[Described]] | None = None
    """What GraphQL is for a role, where a database decides that."""

    async def start(self) -> None:
        self.prepare()
        try:
            await self.engine.start()
            for each in self.outside.mounted:
                await each.start()
            if self.beside is not None:
                await self.beside.start()
            for part in self.running:
                await part.start()
        except BaseException:
            await self.close()
            raise
        self.outside.ready = True

    async def close(self) -> None:
        """Stop everything, the last one first. What one of them raises keeps no other from being stopped."""
        self.outside.ready = False
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.engine.close)
            for part in (*self.outside.mounted, *self.running):
                stack.push_async_callback(part.stop)
            if self.beside is not None:
                stack.push_async_callback(self.beside.stop)

    def read_again(self, what: Literal["schema", "config"]) -> None:
        """Have the schema, or the settings, read again; where an app's file says what they are, they stay."""
        if self.beside is not None:
            self.beside.ask(what)

    def serve(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """An ASGI application for HTTP. It only shows the way: a coroutine less for every request."""
        found = self.door.room_of(raw_path(scope))
        if found is None:
            return self.outside(scope, receive, send)
        return self.door(scope, receive, send, *found)
