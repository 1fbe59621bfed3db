"""What does it take to move a million rows to PostgreSQL and back: seconds, memory, and being killed on the way?

A file is moved to a server and from there into another file, by the command that everybody uses. Each move is killed
(SIGKILL) at random moments and then given again. At the end the two files are compared row by row, beside the checksums
that the moves tell.
"""

from __future__ import annotations

import json
import os
import random
import re
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import psycopg

from benchmarks.bench import Bench
from benchmarks.figures import Bar, Figure, middle
from tests import postgres

ROWS = 1_000_000
KILLS = 5
"""For each direction."""
SHORTEST, LONGEST = 0.1, 25.0
"""Seconds after its first rows within which a move is killed."""
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:")
NEVER = float("inf")
SCHEMA_BYTES = 200_000
"""More than a file without rows has."""
PATIENCE = 30
"""Attempts to go on while the server still notices that the one who was killed is gone."""
SCHEMA = """
CREATE TABLE people (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, code TEXT NOT NULL UNIQUE, born TIMESTAMP, active BOOLEAN NOT NULL
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL REFERENCES people, amount NUMERIC(12, 2), weight REAL,
    placed TIMESTAMP NOT NULL, details JSON, note TEXT, raw BLOB
);
CREATE INDEX orders_person_id_placed_idx ON orders (person_id, placed);
CREATE TABLE tags (name TEXT NOT NULL, order_id INTEGER NOT NULL REFERENCES orders, PRIMARY KEY (name, order_id));
"""
PEOPLE = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?)
INSERT INTO people SELECT i, 'Person ' || char(192 + i % 60) || i, printf('%08x', i * 2654435761 % 4294967296) || i,
    datetime(i * 1000, 'unixepoch'), i % 3 > 0 FROM n
"""
ORDERS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?1)
INSERT INTO orders SELECT i, 1 + i * 7919 % ?2, i % 100000 / 4.0, i / 7.0, datetime(1000000000 + i * 60, 'unixepoch'),
    '{"n":' || i || ',"words":["one","two"]}',
    CASE WHEN i % 4 THEN 'Note number ' || i || char(10) || 'tab' || char(9) END,
    CASE WHEN i % 10 = 0 THEN CAST(printf('%08x', i) AS BLOB) END FROM n
"""
TAGS = """
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT ?1)
INSERT INTO tags SELECT 'tag' || i % 13, 1 + i % ?2 FROM n
"""


@dataclass(slots=True)
class Moving:
    """Moves by the command line; what they took, all attempts together."""

    folder: Path
    chance: random.Random
    seconds: float = 0.0
    peak: int = 0
    """The most that one process had resident, in bytes."""
    killed: int = 0
    resumed: int = 0
    checksums: dict[str, tuple[int, str]] = field(default_factory=dict)
    """(rows, checksum) by table, as the last move told them."""

    def go(self, source: str, target: str, kills: int, *, earliest: float, latest: float) -> None:
        """One move, killed so often between two moments (seconds after there are rows on the target; where there were
        some before, after its start); it is then let go on to its end.

        Raises `RuntimeError` where it fails.
        """
        moments = [self.chance.uniform(earliest, latest) for _ in range(kills)]
        for moment in [*moments, *[NEVER] * PATIENCE]:
            status, said, wrong = self._run(source, target, moment)
            self.killed += status < 0
            if status == 0:
                break
            if status > 0 and "another move" not in wrong:
                raise RuntimeError(wrong or said)
        else:
            raise RuntimeError(wrong)
        told = json.loads(said)
        self.resumed += told["resumed"]
        self.checksums = {each["table"]: (each["rows"], each["checksum"]) for each in told["tables"]}

    def _run(self, source: str, target: str, until: float) -> tuple[int, str, str]:
        """Exit status, and what it said on both channels; after `until` seconds it is killed."""
        command = [sys.executable, "-m", "undercroft", "move", "--from", source, "--to", target, "--json"]
        environment = {**os.environ, "UNDERCROFT_DATABASE_DATA": str(self.folder)}
        with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as wrong:
            started = time.monotonic()
            process = subprocess.Popen(command, cwd=self.folder, env=environment, stdout=said, stderr=wrong)
            begun = NEVER
            while process.poll() is None:
                if begun == NEVER and until != NEVER and has_rows(target):
                    begun = time.monotonic()
                if time.monotonic() > begun + until:
                    process.kill()
                self.peak = max(self.peak, resident(process.pid))
                time.sleep(0.02)
            self.seconds += time.monotonic() - started
            said.seek(0)
            wrong.seek(0)
            return process.returncode, said.read(), wrong.read()


def resident(process: int) -> int:
    """The most bytes that a process has had resident so far; 0 where it is gone (Linux: proc(5), VmHWM)."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    found = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(found[0].split()[1]) * 1024 if found else 0


def has_rows(target: str) -> bool:
    """Whether a move has committed rows there, told by its own notes, or by the size of the file."""
    if target.startswith("sqlite:///"):
        path = Path(target.removeprefix("sqlite:///"))
        return path.exists() and path.stat().st_size > SCHEMA_BYTES
    with psycopg.connect(target, autocommit=True) as connection:
        try:
            found = connection.execute("SELECT sum(rows) FROM _undercroft_move").fetchone()
        except psycopg.errors.UndefinedTable:
            return False
    return bool(found and found[0])


def fill(path: Path, rows: int) -> int:
    """A file with about so many rows in three tables, every kind of value among them. Gives their number."""
    people, orders = rows // 10, rows * 7 // 10
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(SCHEMA)
        connection.execute(PEOPLE, (people,))
        connection.execute(ORDERS, (orders, people))
        connection.execute(TAGS, (rows - people - orders, orders))
    return rows


def contents(path: Path) -> dict[str, str]:
    """A hash of every table's rows in the order of their keys, made by nothing that the move uses."""
    found = {}
    with closing(sqlite3.connect(path)) as connection:
        for table, key in (("people", "id"), ("orders", "id"), ("tags", "name, order_id")):
            digest = blake2b(digest_size=16)
            for row in connection.execute(f"SELECT * FROM {table} ORDER BY {key}"):
                digest.update(repr(tuple(map(_plain, row))).encode())
            found[table] = digest.hexdigest()
    return found


def _plain(value: object) -> object:
    """A moment is written with a T and its fraction, or without."""
    return value.replace("T", " ").removesuffix(".000000") if isinstance(value, str) and MOMENT.match(value) else value


def measure(bench: Bench) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="undercroft-move-") as name, bench.server() as server:
        folder = Path(name)
        here, back = folder / "here.db", folder / "back.db"
        rows, latest = fill(here, ROWS // bench.divide), SHORTEST + LONGEST / bench.divide
        for kills in (0, KILLS):
            with postgres.database(server) as url:
                there, home = (Moving(folder, random.Random(kills)) for _ in range(2))
                there.go(f"sqlite:///{here}", url, kills, earliest=SHORTEST, latest=latest)
                home.go(url, f"sqlite:///{back}", kills, earliest=SHORTEST, latest=latest)
            same = there.checksums == home.checksums and contents(here) == contents(back)
            back.unlink()
            how = f"killed {there.killed} and {home.killed} times" if kills else "not interrupted"
            note = f"{there.seconds:.0f} s there, {home.seconds:.0f} s back, all attempts together"
            yield Figure(f"move of {rows:,} rows there and back, {how}: tables that differ", Bar(0, least=False),
                middle([0.0 if same else 1.0]), note)  # fmt: skip
            peak = max(there.peak, home.peak) / 1e6
            yield Figure("the same: most memory of one process", Bar(300, least=False, unit=" MB"), middle([peak]),
                f"{there.peak / 1e6:.0f} MB there, {home.peak / 1e6:.0f} MB back")  # fmt: skip
