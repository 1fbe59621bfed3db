"""The power goes at 500 moments of a run, and the disk keeps whatever it likes of what was not synced."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.engine_cases import LIBRARIES
from tests.reliability.ledger import Ledger, Worker, verify
from tests.reliability.powercut import CALLS, Disk, events

pytestmark = pytest.mark.needs("strace")


def traced(folder: Path, *options: object) -> Path:
    """Run a worker on `folder` to its end, and give the trace of it."""
    folder.mkdir()
    trace = folder.with_suffix(".trace")
    strace = ["strace", "-f", "-y", "-xx", "-s", "100000", "--seccomp-bpf", "-o", str(trace), "-e", f"trace={CALLS}"]
    worker = Worker(folder / "app.db", "--clients", 8, "--writes", 40, *options, before=strace)
    assert worker.finish() == 0
    assert worker.ledger.done
    assert len(worker.ledger.acked) == 320
    return trace


def cuts(trace: Path, folder: Path, count: int, library: str) -> tuple[int, int, int]:
    """How many of `count` power cuts lost an acknowledged write, how many damaged the file; the acks looked at."""
    chance, story = random.Random(5), events(trace)
    first = next(index for index, event in enumerate(story) if event.kind == "say" and event.data.startswith(b"ack"))
    moments = sorted(chance.randrange(first + 1, len(story) + 1) for _ in range(count))
    disk, ledger, losses, damaged, looked_at = Disk(folder), Ledger(), 0, 0, 0
    for index, event in enumerate([*story, None]):
        while moments and moments[0] == index:
            moments.pop(0)
            image = folder.with_suffix(".image")
            shutil.rmtree(image, ignore_errors=True)
            image.mkdir()
            disk.cut(image, chance)
            verdict = verify(image / "app.db", ledger.acked, library)
            losses += bool(verdict.lost)
            damaged += bool(verdict.halves) or verdict.integrity != "ok"
            looked_at += len(ledger.acked)
        if event is not None:
            disk.take(event)
            if event.kind == "say":
                ledger.note(event.data.decode())
    return losses, damaged, looked_at


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_power_cut_loses_nothing_acknowledged(
    library: str, tmp_path: Path, rounds: Callable[[int, int], int], capsys: pytest.CaptureFixture[str]
) -> None:
    count = rounds(500, 5_000)
    trace = traced(tmp_path / "disk", "--library", library)
    losses, damaged, looked_at = cuts(trace, tmp_path / "disk", count, library)
    with capsys.disabled():
        print(f"\n  power cut ({library}): {count} cuts, {looked_at} acks looked for, {losses} lost, {damaged} damaged")
    assert (losses, damaged) == (0, 0)
    assert looked_at > count * 20


def test_without_waiting_for_the_disk_it_would_be_noticed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The control: the same cuts of a run at `synchronous=NORMAL`, which is what others ship."""
    trace = traced(tmp_path / "disk", "--synchronous", "NORMAL")
    losses, damaged, _ = cuts(trace, tmp_path / "disk", 100, "auto")
    with capsys.disabled():
        print(f"\n  power cut (control, NORMAL): 100 cuts, {losses} of them lost acknowledged writes")
    assert losses > 20
    assert damaged == 0
