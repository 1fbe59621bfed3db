"""A move is killed at any moment, again and again, and then given once more: both ways, every row arrives once."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.moving import Moving, contents, fill
from tests import postgres

pytestmark = [pytest.mark.needs("postgres", "linux"), pytest.mark.timeout(3600)]


def test_killed_moves_lose_nothing_and_double_nothing(
    tmp_path: Path, postgres_server: str, rounds: Callable[[int, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    chance = random.Random(5)
    here, back = tmp_path / "here.db", tmp_path / "back.db"
    rows, kills = fill(here, rounds(25_000, 300_000)), rounds(1, 25)
    with postgres.database(postgres_server) as url:
        there, home = Moving(tmp_path, chance), Moving(tmp_path, chance)
        for moving, source, target in ((there, f"sqlite:///{here}", url), (home, url, f"sqlite:///{back}")):
            moving.go(source, target, kills, earliest=0.0, latest=rounds(1, 40) / 4)
    assert there.checksums == home.checksums
    assert sum(count for count, _ in there.checksums.values()) == rows
    assert contents(here) == contents(back)
    assert there.killed + home.killed >= kills
    assert max(there.peak, home.peak) < 300_000_000
    with capsys.disabled():
        print(f"\n  move: {rows:,} rows, killed {there.killed} and {home.killed} times, most memory of one process "
              f"{max(there.peak, home.peak) / 1e6:.0f} MB")  # fmt: skip
