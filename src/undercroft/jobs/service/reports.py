"""How far jobs are, as they say it themselves: written beside their transactions, so that others can see it.

A job that says so a thousand times a second costs a few statements: the latest word of every job, now and then. On
SQLite a job that holds the writer is heard once it lets go of it.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from undercroft.base.faults import Fault
from undercroft.engine.beside import Beside
from undercroft.engine.types import Cursor, Engine
from undercroft.jobs.store.records import RecordStatements, record_statements

_PAUSE = 0.2
"""Seconds in which words are gathered."""


@dataclass(slots=True, eq=False)
class Reports:
    """Takes in what jobs say of themselves."""

    engine: Engine
    log: Any
    _statements: RecordStatements = field(init=False)
    _latest: dict[tuple[int, int], str] = field(default_factory=dict)
    _writing: Beside = field(default_factory=Beside)

    def __post_init__(self) -> None:
        self._statements = record_statements(self.engine.dialect)

    def note(self, job: int, fence: int, said: str) -> None:
        """Have the progress of a job stored, as JSON, if it is still under this fence. Called on the loop."""
        self._latest[job, fence] = said
        if not self._writing.running:
            self._writing.begin(self._write())

    async def _write(self) -> None:
        while self._latest:
            await asyncio.sleep(_PAUSE)
            latest, self._latest = self._latest, {}
            listed = json.dumps([[job, fence, said] for (job, fence), said in sorted(latest.items())])
            try:
                await self.engine.write(lambda cursor, listed=listed: self._store(cursor, listed))  # type: ignore[misc]
            except Fault as fault:  # it is told again, or the job is over
                self.log.warning("jobs: progress not stored", code=fault.code, message=fault.message)

    def _store(self, cursor: Cursor, listed: str) -> None:
        statement = self._statements.progress
        cursor.all(statement.text, statement.args(progress=listed))
