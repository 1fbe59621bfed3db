"""The disk fails, fills up or crawls: a clear refusal, no lie, reads go on, and it recovers by itself."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.contract.engine_cases import LIBRARIES
from tests.reliability.ledger import Ledger, Worker, verify

STRACE = ["strace", "-f", "--seccomp-bpf", "-o"]
BRIEF = ("--clients", 8, "--writes", 15)
FAULTS = [("fsync,fdatasync", "EIO", 25), ("pwrite64", "EIO", 150), ("pwrite64", "ENOSPC", 150)]


@pytest.mark.needs("strace")
@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(("calls", "error", "last"), FAULTS)
def test_a_failing_call_is_never_a_lie(
    library: str, calls: str, error: str, last: int, tmp_path: Path, rounds: Callable[[int, int], int]
) -> None:
    """The n-th call fails, once or from then on."""
    chance = random.Random(f"{library} {calls} {error}")
    fired = 0
    for turn in range(rounds(2, 40)):
        path, log = tmp_path / f"{turn}.db", tmp_path / f"{turn}.trace"
        lasting = "+" if turn % 2 else ""
        rule = f"inject={calls}:error={error}:when={chance.randrange(5, last)}{lasting}"
        worker = Worker(
            path, "--library", library, *BRIEF, before=[*STRACE, str(log), "-e", f"trace={calls}", "-e", rule]
        )
        status = worker.finish()
        injected = "(INJECTED)" in log.read_text()
        fired += injected
        ledger = worker.ledger
        assert status != 0 or ledger.done, "it neither went on nor said that it could not"
        assert set(ledger.failed.values()) <= {"58030", "53100"}
        assert ledger.reads > 0 or not ledger.ready
        if injected and not lasting and ledger.failed:
            assert len(ledger.acked) > len(ledger.failed), "one failure stopped it"
        verdict = verify(path, ledger.acked, library)
        assert verdict.clean, (rule, sorted(verdict.lost)[:5], verdict.halves, verdict.integrity)
    assert fired, "no call was made to fail: the experiment shows nothing"


@pytest.mark.needs("strace")
def test_an_error_that_is_swallowed_would_be_noticed(tmp_path: Path) -> None:
    """The control: the same experiment on a writer that takes a failed commit for a good one."""
    rule = "inject=fsync,fdatasync:error=EIO:when=12"
    before = [*STRACE, str(tmp_path / "trace"), "-e", "trace=fsync,fdatasync", "-e", rule]
    worker = Worker(tmp_path / "app.db", *BRIEF, "--checkpoint-pages", 10_000, "--deaf", before=before)
    worker.finish()
    assert verify(tmp_path / "app.db", worker.ledger.acked).lost


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path | None]:
    """A disk of two megabytes, where this user may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    yield folder if mounted else None
    if mounted:
        subprocess.run(["umount", str(folder)], check=True)


def refused_then_recovered(worker: Worker, code: str, make_room: Callable[[], object]) -> None:
    """Wait for refusals, see that reads go on meanwhile, make room, and see that writes come back without a restart."""
    assert worker.listen(lambda heard: code in heard.failed.values())
    reads, failed = worker.ledger.reads, len(worker.ledger.failed)
    assert worker.listen(lambda heard: heard.reads > reads + 3 and len(heard.failed) > failed + 20)
    assert worker.ledger.blind == 0
    make_room()
    acked = len(worker.ledger.acked)
    assert worker.listen(lambda heard: len(heard.acked) > acked + 100)
    worker.kill()
    assert set(worker.ledger.failed.values()) == {code}


@pytest.mark.needs("linux")
@pytest.mark.parametrize("library", LIBRARIES)
def test_a_full_disk(library: str, small_disk: Path | None, capsys: pytest.CaptureFixture[str]) -> None:
    if small_disk is None:
        with capsys.disabled():
            print("\n  full disk: no disk could be mounted; the limit on a file's size stands in for it")
        return
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1024 * 1024))
    worker = Worker(small_disk / "app.db", "--library", library)
    refused_then_recovered(worker, "53100", ballast.unlink)
    verdict = verify(small_disk / "app.db", worker.ledger.acked, library)
    assert verdict.clean, (sorted(verdict.lost)[:5], verdict.halves, verdict.integrity)


@pytest.mark.parametrize("library", LIBRARIES)
def test_a_file_that_may_not_grow(library: str, tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    worker = Worker(path, "--library", library, "--file-limit", 600_000)
    refused_then_recovered(worker, "58030", lambda: worker.signal(signal.SIGUSR1))
    verdict = verify(path, worker.ledger.acked, library)
    assert verdict.clean, (sorted(verdict.lost)[:5], verdict.halves, verdict.integrity)


@pytest.mark.needs("strace")
def test_a_slow_disk_is_answered_with_overload_and_not_with_a_long_line(tmp_path: Path) -> None:
    path, ledger = tmp_path / "app.db", Ledger()
    slow = [*STRACE, "/dev/null", "-e", "trace=fsync,fdatasync", "-e"]
    worker = Worker(
        path,
        *("--clients", 64, "--queue", 16, "--writes", 6, "--no-leases"),
        ledger=ledger,
        before=[*slow, "inject=fsync,fdatasync:delay_exit=200000"],
    )
    before = time.monotonic()
    assert worker.listen(lambda heard: heard.ready)
    worker.finish()
    assert ledger.done
    assert set(ledger.failed.values()) == {"UC503"}
    assert ledger.acked
    assert ledger.reads > (time.monotonic() - before) * 5, "reads waited for the disk"
    assert verify(path, ledger.acked).clean
