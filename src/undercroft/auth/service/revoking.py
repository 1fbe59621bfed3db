"""What this process must hear of: sessions that ended in another one, and other keys.

An access token says for itself that it is good. So whoever ends a session writes it down, every process that believes
tokens reads that twice a second, and refuses what the session's tokens ask for until the last of them has run out.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import Any

from undercroft.auth.errors import KeyFault
from undercroft.auth.service.identity import Identity
from undercroft.auth.store import Rows
from undercroft.auth.store.revocations import Revocation, ended_after, purge
from undercroft.auth.store.tidying import forget
from undercroft.base.clock import Clock
from undercroft.engine.beside import Beside
from undercroft.engine.types import Engine

EACH = 0.5
"""Seconds between two looks."""
_TIDIED = 600.0
_LATE = timedelta(seconds=30)
"""On PostgreSQL a lower number may be committed after a higher one: so long a number is looked at again."""


class Revoking:
    """Implements `app.house.Running`."""

    def __init__(
        self, engine: Engine, clock: Clock, identity: Identity, lifetime: float, log: Any, *,
        files: Iterable[Path] = (), trust: Callable[[], None] = lambda: None,
    ) -> None:  # fmt: skip
        self._engine = engine
        self._clock = clock
        self._identity = identity
        self._lifetime = lifetime
        self._log = log
        self._files = tuple(files)
        self._trust = trust
        self._stamps: list[tuple[int, int] | None] = []
        self._known = 0
        self._recent: dict[int, Revocation] = {}
        self._tidied = clock.monotonic()
        self._beside = Beside()
        self._fails = False

    def refuse(self, sessions: Iterable[str]) -> None:
        """Sessions that ended in this process: their tokens are good no more, from now on."""
        until = self._clock.timestamp() + self._lifetime
        self._identity.refuse(dict.fromkeys(sessions, until))

    async def start(self) -> None:
        """Read what ended while this process was not there. Raises `DatabaseFault`."""
        self._stamps = [_stamp(file) for file in self._files]
        await self.look()
        self._beside.begin(self._watch())

    async def stop(self) -> None:
        """Hear of nothing more."""
        await self._beside.end()

    async def look(self) -> None:
        """Read what is new. Raises `DatabaseFault`."""
        dialect, after = self._engine.dialect, self._known
        async with self._engine.transaction(read_only=True) as transaction:
            found = await transaction.perform(lambda cursor: ended_after(Rows(cursor, dialect), dialect, after))
        fresh = [each for each in found if each.id not in self._recent]
        if fresh:
            self._identity.refuse({each.session_id: each.at.timestamp() + self._lifetime for each in fresh})
        if dialect.name != "postgresql":
            self._known = found[-1].id if found else self._known
            return
        self._recent = {each.id: each for each in found}
        old = [each.id for each in found if each.at < self._clock.now() - _LATE]
        self._known = max(old, default=self._known)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(EACH)
            try:
                await self.look()
                self._look_at_keys()
                if self._clock.monotonic() - self._tidied >= _TIDIED:
                    self._tidied = self._clock.monotonic()
                    await self.tidy()
                self._fails = False
            except Exception as error:  # whatever it is: one that stopped looking would believe too much
                if not self._fails:
                    self._log.warning("sessions that ended elsewhere cannot be read", error=str(error))
                self._fails = True

    async def tidy(self) -> None:
        """Forget what no token speaks of any more. Raises `DatabaseFault`."""
        self._identity.tidy()
        dialect, before = self._engine.dialect, self._clock.now() - timedelta(seconds=self._lifetime)
        await self._engine.write(lambda cursor: purge(Rows(cursor, dialect), dialect, before))
        now = self._clock.now()
        while await self._engine.write(lambda cursor: forget(Rows(cursor, dialect), dialect, now)):
            pass

    def _look_at_keys(self) -> None:
        stamps = [_stamp(file) for file in self._files]
        if stamps == self._stamps:
            return
        self._stamps = stamps
        try:
            self._trust()
        except KeyFault as fault:
            self._log.error("keys that changed cannot be used; those from before stay", error=fault.message)
        else:
            self._log.info("other keys are believed from now on")


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino
