"""A worker is killed under load, again and again: nothing that it acknowledged may be missing afterwards."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.engine_cases import LIBRARIES
from tests.reliability.ledger import Ledger, Worker, verify


@pytest.mark.parametrize("library", LIBRARIES)
def test_killed_workers_lose_nothing(
    library: str, tmp_path: Path, rounds: Callable[[int, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    chance, ledger, path = random.Random(1), Ledger(), tmp_path / "app.db"
    kills, slowest = rounds(5, 100 // len(LIBRARIES)), 0.0
    for turn in range(kills):
        ledger.ready = False
        worker = Worker(path, "--name", turn, "--library", library, ledger=ledger)
        assert worker.listen(lambda heard: heard.ready)
        before = len(ledger.acked)
        worker.run(0.02 + chance.random() * 0.3)
        worker.kill()
        assert len(ledger.acked) > before
        started = time.monotonic()
        verdict = verify(path, ledger.acked, library)
        slowest = max(slowest, time.monotonic() - started)
        assert verdict.clean, (turn, sorted(verdict.lost)[:5], verdict.halves, verdict.integrity)
    with capsys.disabled():
        print(f"\n  kill -9 ({library}): {kills} kills, {len(ledger.acked)} acks, {len(verdict.lost)} lost")


def test_an_answer_before_the_commit_is_noticed(tmp_path: Path) -> None:
    """The control: the same experiment on a worker that answers too early."""
    lost: set[str] = set()
    for turn in range(20):
        worker = Worker(tmp_path / f"{turn}.db", "--early", "--clients", 64, "--no-leases")
        assert worker.listen(lambda heard: len(heard.acked) > 200)
        worker.kill()
        lost |= verify(tmp_path / f"{turn}.db", worker.ledger.acked).lost
        if lost:
            return
    pytest.fail("answers before the commit went unnoticed")


@pytest.mark.parametrize("library", [name for name in LIBRARIES if name != "stdlib"] or ["auto"])
def test_two_processes_share_a_file_where_the_library_is_sound(library: str, tmp_path: Path) -> None:
    """As in a rolling restart: both write, one is killed, the other goes on without a refusal."""
    path, chance = tmp_path / "app.db", random.Random(2)
    staying = Worker(path, "--name", "staying", "--library", library, "--writes", 150)
    assert staying.listen(lambda heard: heard.ready)
    acked: set[str] = set()
    for turn in range(3):
        passing = Worker(path, "--name", f"passing{turn}", "--library", library)
        assert passing.listen(lambda heard: len(heard.acked) > 20)
        passing.run(chance.random() * 0.1)
        passing.kill()
        assert passing.ledger.failed == {}
        acked |= passing.ledger.acked
    assert staying.finish() == 0
    assert staying.ledger.failed == {}
    assert verify(path, acked | staying.ledger.acked, library).clean
