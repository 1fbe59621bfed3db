"""The write-ahead log under readers that never leave it alone (row R27)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from undercroft.engine import SQLiteEngine, SQLiteSettings

pytestmark = pytest.mark.anyio
KB = 1024
BOUND = 1024 * KB
PAYLOAD = "x" * (16 * KB)


def size_of(log: Path) -> int:
    return log.stat().st_size


async def longest_log(folder: Path, most: int | None, seconds: float) -> tuple[int, int]:
    """The greatest size of the log, and the rows written, while writes and overlapping long reads go on."""
    settings = SQLiteSettings(
        folder / "data.db",
        snapshot_seconds=1.0,
        statement_seconds=1.0,
        checkpoint_pages=20,
        wal_bytes=64 * KB,
        wal_most_bytes=most,
    )
    engine = SQLiteEngine(settings)
    await engine.start()
    until = monotonic() + seconds
    log = Path(f"{settings.path}-wal")
    longest = written = 0

    async def read(first: float) -> None:
        await asyncio.sleep(first)
        while monotonic() < until:
            async with engine.transaction(read_only=True) as snapshot:
                before = snapshot.one("SELECT count(*) FROM t")
                await asyncio.sleep(0.6)
                assert snapshot.one("SELECT count(*) FROM t") == before

    async def write() -> None:
        nonlocal longest, written
        while monotonic() < until:
            await engine.write(lambda cursor: cursor.all("INSERT INTO t VALUES (?) RETURNING 1", (PAYLOAD,)))
            written += 1
            longest = max(longest, size_of(log))

    try:
        await engine.write(lambda cursor: cursor.all("CREATE TABLE t (x TEXT)"))
        await asyncio.gather(read(0.0), read(0.2), read(0.4), write())
        assert (await engine.read("SELECT count(*) FROM t", ()))[0] == written
    finally:
        await engine.close()
    return longest, written


async def test_the_log_is_bounded_whoever_reads(tmp_path: Path, rounds: Callable[[int, int], int]) -> None:
    longest, written = await longest_log(tmp_path, BOUND, rounds(4, 600))
    assert written * len(PAYLOAD) > 2 * BOUND, "too little was written to say anything"
    assert longest < BOUND + 256 * KB


async def test_without_a_bound_it_grows_as_long_as_they_overlap(tmp_path: Path) -> None:
    """The control: the readers above do keep the log from starting anew."""
    longest, written = await longest_log(tmp_path, None, 4)
    assert longest > 0.9 * written * len(PAYLOAD)
    assert longest > 2 * BOUND
