"""What a worker said, held against what its database holds: the checker of every experiment here."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from undercroft.engine.sqlite.library import choose

WORKER = Path(__file__).with_name("worker.py")


@dataclass
class Ledger:
    """The lines of one worker or of several."""

    acked: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)
    reads: int = 0
    blind: int = 0
    ready: bool = False
    done: bool = False

    def note(self, line: str) -> None:
        """Take in one line; half a line, of a worker that was killed while speaking, says nothing."""
        match line.split(" ") if line.endswith("\n") else []:
            case ["ack", key]:
                self.acked.add(key.strip())
            case ["fail", key, code]:
                self.failed[key] = code.strip()
            case ["read", _]:
                self.reads += 1
            case ["blind", _]:
                self.blind += 1
            case ["ready\n"]:
                self.ready = True
            case ["done\n"]:
                self.done = True


@dataclass(frozen=True)
class Verdict:
    """How a database differs from a ledger."""

    lost: frozenset[str]
    """Acknowledged, but not there."""
    halves: frozenset[str]
    """In one table only."""
    unsaid: frozenset[str]
    """There, but never acknowledged: allowed, since a worker may die between its commit and its answer."""
    integrity: str

    @property
    def clean(self) -> bool:
        return not self.lost and not self.halves and self.integrity == "ok"


def verify(path: Path, acked: set[str], library: str = "auto") -> Verdict:
    """Open the database as a restart would, and compare."""
    connection = choose(library).module.connect(str(path), isolation_level=None)  # type: ignore[arg-type]
    try:
        integrity = str(connection.execute("PRAGMA integrity_check").fetchone()[0])
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        kept, shadows = (
            {key for (key,) in connection.execute(f"SELECT key FROM {table}")} if table in tables else set()
            for table in ("entries", "shadows")
        )
    except connection.DatabaseError as error:
        return Verdict(frozenset(acked), frozenset(), frozenset(), f"unreadable: {error}")
    finally:
        connection.close()
    return Verdict(frozenset(acked - kept), frozenset(kept ^ shadows), frozenset(kept - acked), integrity)


class Worker:
    """A running worker and its ledger."""

    def __init__(self, path: Path, *options: object, ledger: Ledger | None = None, before: Sequence[str] = ()) -> None:
        self.ledger = ledger if ledger is not None else Ledger()
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        command = [*before, sys.executable, str(WORKER), str(path), *map(str, options)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)

    def listen(self, until: Callable[[Ledger], bool], seconds: float = 30) -> bool:
        """Take in lines until the ledger is as wished; False at the end of the output or of the time."""
        assert self._process.stdout is not None
        limit = time.monotonic() + seconds
        while not until(self.ledger):
            line = self._process.stdout.readline()
            if not line or time.monotonic() > limit:
                return False
            self.ledger.note(line)
        return True

    def run(self, seconds: float) -> None:
        """Let it work for a while."""
        limit = time.monotonic() + seconds
        self.listen(lambda _: time.monotonic() > limit)

    def signal(self, number: int) -> None:
        self._process.send_signal(number)

    def kill(self) -> None:
        """Kill it at once, then take in what it had still said."""
        self._process.kill()
        self.finish()

    def finish(self) -> int:
        """Take in the rest, and wait for the end. Gives its exit status."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.ledger.note(line)
        self._process.stdout.close()
        return self._process.wait(timeout=60)
