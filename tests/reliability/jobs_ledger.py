"""What processes of jobs said and did, held against each other: the checker of the experiments with the outbox."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from tests.reliability.jobs_subject import Order
from undercroft.engine.sqlite.library import choose

SUBJECT = Path(__file__).with_name("jobs_subject.py")
QUICK = {
    "UNDERCROFT_JOBS_LEASE": "0.5",
    "UNDERCROFT_JOBS_POLL": "0.2",
    "UNDERCROFT_JOBS_CRASHES": "1000",
    "UNDERCROFT_SERVER_DRAIN": "3",
}
"""A short lease, so that a thousand rescues take minutes."""


@dataclass
class Verdict:
    """How effects differ from what was acknowledged."""

    lost: set[str] = field(default_factory=set)
    """Acknowledged, and not done."""
    twice: set[str] = field(default_factory=set)
    """More than one effect in the database."""
    undone: set[str] = field(default_factory=set)
    """Asked for in a transaction that was undone, and begun all the same."""
    restarted: set[str] = field(default_factory=set)
    """Begun again although whoever had begun it was neither killed nor stopped, and could be heard."""
    done: int = 0

    @property
    def clean(self) -> bool:
        return not (self.lost or self.twice or self.undone or self.restarted)


class Subjects:
    """The forking parent, and the processes that it has made."""

    def __init__(self, folder: Path, url: str | None) -> None:
        self.folder, self.url = folder, url
        self.pids: dict[str, int] = {}
        self.acked: set[str] = set()
        self.ready: set[str] = set()
        self.over: set[str] = set()
        self.broken: list[str] = []
        self.hurt: set[str] = set()
        """Names of those that were killed or stopped, or could not be heard for longer than their lease."""
        self.overslept: set[str] = set()
        (folder / "outside").touch()
        self._rest = b""
        self._errors = (folder / "errors").open("ab")
        self._process = subprocess.Popen(
            [sys.executable, str(SUBJECT)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )  # fmt: skip

    def make(self, name: str, *, ready: bool = True, **order: Any) -> None:
        """Make a process; by default, wait until it works."""
        environment = {**QUICK, **order.pop("environment", {})}
        written = Order(name=name, folder=str(self.folder), url=self.url, environment=environment, **order)
        assert self._process.stdin is not None
        self._process.stdin.write(msgspec.json.encode(written) + b"\n")
        self._process.stdin.flush()
        self.listen(lambda: name in (self.ready if ready else self.pids))

    def listen(self, until: Callable[[], bool], seconds: float = 60) -> None:
        """Take in what is said until something holds."""
        limit = time.monotonic() + seconds
        while not until():
            assert not self.broken, self.broken
            assert time.monotonic() < limit, ("nothing more is said", self.tail())
            self._take(0.05)

    def hear(self, seconds: float) -> None:
        limit = time.monotonic() + seconds
        while (left := limit - time.monotonic()) > 0:
            self._take(left)

    def _take(self, seconds: float) -> None:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        if not select.select([descriptor], [], [], seconds)[0]:
            return
        *lines, self._rest = (self._rest + os.read(descriptor, 65536)).split(b"\n")
        for line in lines:
            self._note(line.decode())

    def _note(self, line: str) -> None:
        match line.split(" ", 2):
            case ["made", name, pid]:
                self.pids[name] = int(pid)
            case ["ready", name]:
                self.ready.add(name)
            case ["ack", key]:
                self.acked.add(key)
            case ["overslept", name]:
                self.hurt.add(name)
                self.overslept.add(name)
            case ["over", name]:
                self.over.add(name)
                self.pids.pop(name, None)
            case ["broken", *words]:
                self.broken.append(" ".join(words))

    def signal(self, name: str, number: int) -> None:
        if number in (signal.SIGKILL, signal.SIGSTOP):
            self.hurt.add(name)
        os.kill(self.pids[name], number)

    def kill(self, name: str) -> None:
        self.signal(name, signal.SIGKILL)
        del self.pids[name]

    def drain(self, name: str, **order: Any) -> None:
        """Have everything that is left done by one process that enqueues nothing."""
        self.make(name, until_drained=True, **order)
        self.listen(lambda: name in self.over, 600)  # suspects run one at a time

    def lives(self, name: str) -> bool:
        try:
            os.kill(self.pids[name], 0)
        except (KeyError, ProcessLookupError):
            return False
        return True

    def begun(self, key: str) -> list[str]:
        """Who has begun a job, in order."""
        return self.outside()[0].get(key, [])

    def wait(self, until: Callable[[], bool], seconds: float = 60) -> float:
        """Wait until something holds; how many seconds it took."""
        began = time.monotonic()
        while not until():
            assert time.monotonic() < began + seconds, ("it does not come", self.tail())
            self._take(0.02)
        return time.monotonic() - began

    def close(self) -> None:
        for pid in self.pids.values():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def tail(self) -> str:
        return (self.folder / "errors").read_text()[-2000:]

    # --- what has happened ---

    def outside(self) -> tuple[dict[str, list[str]], set[str]]:
        """By key, who began it, in order; and what has ended outside of the database."""
        starts, ends = defaultdict[str, list[str]](list), set[str]()
        for line in (self.folder / "outside").read_text().splitlines():
            match line.split(" "):
                case ["start", key, name]:
                    starts[key].append(name)
                case ["end", key]:
                    ends.add(key)
        return starts, ends

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """Look into the database, or change it; `{jobs}` is the table of jobs, `{slots}` that of slots."""
        if self.url is not None:
            import psycopg

            with psycopg.connect(self.url) as session:
                return session.execute(_spelled(statement, postgres=True).encode()).fetchall()
        connection = choose("auto").module.connect(str(self.folder / "data" / "data.db"), isolation_level=None)
        try:
            found: list[tuple[Any, ...]] = connection.execute(_spelled(statement, postgres=False)).fetchall()
            return found
        finally:
            connection.close()

    def change(self, *statements: str) -> None:
        """Change the database, as `rows` looks into it."""
        if self.url is None:
            for statement in statements:
                self.rows(statement)
            return
        import psycopg

        with psycopg.connect(self.url) as session:
            for statement in statements:
                session.execute(_spelled(statement, postgres=True).encode())

    def verify(self) -> Verdict:
        """Compare, when nothing is left to do."""
        effects = Counter(key for (key,) in self.rows("SELECT key FROM entries"))
        starts, ends = self.outside()
        done = effects.keys() | ends
        return Verdict(
            lost=self.acked - done,
            twice={key for key, number in effects.items() if number > 1},
            undone={key for key in effects.keys() | starts.keys() if key.startswith("undone.")},
            restarted={key for key, names in starts.items() if not set(names[:-1]) <= self.hurt},
            done=len(done),
        )


def _spelled(statement: str, *, postgres: bool) -> str:
    """A statement with the tables of the outbox as the engine calls them."""
    names = {"jobs": "undercroft.jobs", "slots": "undercroft.job_slots"}
    return statement.format(**(names if postgres else {key: f'"{name}"' for key, name in names.items()}))
