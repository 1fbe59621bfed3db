"""PostgreSQL's NOTIFY, said after the commit and not in it: in it, all commits that notify would wait for one lock.

Protocol: LISTEN and NOTIFY on the channel `undercroft_jobs`; whoever inserts jobs by SQL says it himself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from undercroft.base.faults import Fault
from undercroft.engine.beside import Beside
from undercroft.engine.postgres.listening import Listening
from undercroft.engine.types import Engine

CHANNEL = "undercroft_jobs"
_PAUSE = 0.005
"""Seconds between two announcements: between them everybody has been told anyway."""


class Notifier:
    """Implements `Announcer`."""

    def __init__(self, engine: Engine, url: str, log: Any) -> None:
        self._engine = engine
        self._log = log
        self._heard: Callable[[], None] = lambda: None
        self._listening = Listening(
            url,
            CHANNEL,
            heard=lambda _: self._heard(),
            begun=lambda _: self._heard(),
            failed=lambda why: log.warning("jobs: nobody is heard", why=why),
        )
        self._telling = Beside()
        self._again = False

    async def start(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._listening.start()

    async def stop(self) -> None:
        await self._listening.stop()
        await self._telling.end()

    def tell(self) -> None:
        self._heard()
        if self._telling.running:
            self._again = True
        else:
            self._telling.begin(self._notify())

    async def say(self) -> None:
        try:
            await self._engine.write(lambda cursor: cursor.all(f"NOTIFY {CHANNEL}"))
        except Fault as fault:
            self._log.warning("jobs: nobody is told", code=fault.code, message=fault.message)

    async def _notify(self) -> None:
        while True:
            self._again = False
            await self.say()
            await asyncio.sleep(_PAUSE)
            if not self._again:
                return
