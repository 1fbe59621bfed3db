"""A served database that changes: its schema and its settings are read again when it says so, or somebody asks.

What was read before is served until the new is there; while the database cannot be read, it is tried again and again.
Protocol: PostgREST's "schema cache" and "configuration" pages: `NOTIFY pgrst, 'reload schema'`, SIGUSR1 and SIGUSR2.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal

from undercroft.base.faults import Fault
from undercroft.base.settings import SettingsFault
from undercroft.engine.beside import Beside
from undercroft.engine.postgres.listening import Listening

if TYPE_CHECKING:
    from undercroft.base.settings import Settings

What = Literal["schema", "config"]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 8.0
"""Seconds between two attempts to read, doubling."""
_PAYLOADS: dict[str, What] = {"": "schema", "reload schema": "schema", "reload config": "config"}


class Reloading:
    """Reads again what was asked for: one reading at a time, and one more for all who ask meanwhile."""

    def __init__(
        self, read: Callable[[What], Awaitable[None]], listening: Callable[..., Listening] | None, log: Any
    ) -> None:
        """`read` reads and adopts it, and raises a `Fault` where it cannot. `listening` makes what hears of changes."""
        self._read = read
        self._log = log
        self._asked: dict[What, float] = {}
        self._wake = asyncio.Event()
        self._beside = Beside()
        self._listening = (
            listening(heard=self._heard, begun=self._begun, failed=self._unheard) if listening is not None else None
        )

    async def start(self) -> None:
        """Listen, and be ready to read."""
        self._beside.begin(self._run())
        if self._listening is not None:
            self._listening.start()

    async def stop(self) -> None:
        """End. May be called again."""
        if self._listening is not None:
            await self._listening.stop()
        await self._beside.end()

    def ask(self, what: What) -> None:
        """Have it read as soon as may be."""
        self._asked[what] = asyncio.get_running_loop().time()
        self._wake.set()

    # --- what is heard ---

    def _heard(self, payload: str) -> None:
        what = _PAYLOADS.get(payload)
        if what is not None:
            self.ask(what)

    def _begun(self, again: bool) -> None:
        if again:  # what was said meanwhile, nobody heard
            self._log.info("listening again")
            self.ask("config")
            self.ask("schema")

    def _unheard(self, reason: str) -> None:
        self._log.warning("changes of the schema are not heard of", reason=reason)

    # --- reading ---

    async def _run(self) -> None:
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._asked:
                await self._until_read("config" if "config" in self._asked else "schema")

    async def _until_read(self, what: What) -> None:
        pause = _FIRST_PAUSE
        while True:
            asked = self._asked.pop(what, 0.0)
            try:
                await self._read(what)
            except SettingsFault as fault:  # it will not get better by itself
                self._log.error("not read again", what=what, reason=fault.message)
                return
            except Fault as fault:
                self._log.error("not read again", what=what, reason=fault.message)
            else:
                waited = asyncio.get_running_loop().time() - asked if asked else 0.0
                self._log.info("read again", what=what, seconds=round(waited, 3))
                return
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def listening_to(settings: Settings) -> Callable[..., Listening] | None:
    """What listens to the channel of the settings; None where they say that nobody does."""
    if not settings.postgrest.channel_enabled:
        return None
    url = settings.database.url.reveal() if settings.database.url else "postgresql://"
    return partial(Listening, url, settings.postgrest.channel)
