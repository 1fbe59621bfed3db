"""Three nodes with the same schedules, whose clocks jump and of which one is killed while it fires: R13.

Each firing leaves a row of its slot, and its job an entry: there must be as many of one as of the other.
"""

from __future__ import annotations

import random
import signal
from collections import Counter
from collections.abc import Callable

import pytest

from tests.reliability.jobs_ledger import Subjects

pytestmark = [pytest.mark.needs("linux"), pytest.mark.timeout(3600)]

NODES = ("a", "b", "c")
COUNT = "SELECT schedule, count(*), count(DISTINCT slot) FROM {slots} WHERE slot > 0 GROUP BY schedule"


def slots(subjects: Subjects) -> dict[str, int]:
    """How many slots each schedule has fired."""
    return {name: number for name, number, _ in subjects.rows(COUNT)}


def jump(subjects: Subjects, number: int) -> None:
    for name in subjects.pids:
        subjects.signal(name, number)


def entries(subjects: Subjects) -> Counter[str]:
    return Counter(key for (key,) in subjects.rows("SELECT key FROM entries"))


def test_each_slot_fires_once_whoever_is_killed(
    subjects: Subjects,
    rounds: Callable[[int, int], int],
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    chance, number, turns = random.Random(13), rounds(60, 1000), rounds(1, 5)
    for turn in range(turns):
        names = [f"{name}{turn}" for name in NODES]
        for name in names:
            subjects.make(name, schedules=number, ahead=turn)
        before = slots(subjects)
        jump(subjects, signal.SIGUSR1)
        # All are due at once; the first one that is seen firing is killed while it does.
        subjects.wait(lambda before=before: slots(subjects) != before, 60)  # type: ignore[misc]
        subjects.kill(chance.choice(names))
        subjects.wait(lambda turn=turn: _all(subjects, number, turn + 1), 120)  # type: ignore[misc]
        jump(subjects, signal.SIGUSR2)
        subjects.hear(1.5)
        jump(subjects, signal.SIGUSR1)
        subjects.hear(1.5)
        left = [*subjects.pids]
        for name in left:
            subjects.signal(name, signal.SIGTERM)
        subjects.listen(lambda left=left: subjects.over.issuperset(left))  # type: ignore[misc]
        subjects.drain(f"d{turn}", ahead=turn + 1, schedules=number)
        fired = slots(subjects)
        assert entries(subjects) == fired
    assert all(rows == distinct for _, rows, distinct in subjects.rows(COUNT))
    with capsys.disabled():
        told = f"{number} schedules, {sum(fired.values())} slots, each fired once"
        print(f"\n  schedules ({request.node.callspec.id}): {turns} kills and {3 * turns} jumps of the clock, {told}")


def _all(subjects: Subjects, number: int, least: int) -> bool:
    found = slots(subjects)
    return len(found) == number and min(found.values()) >= least


def test_without_the_constraint_a_slot_fires_for_each_node(subjects: Subjects) -> None:
    """The control."""
    for name in NODES:
        subjects.make(name, schedules=20)
    subjects.hear(0.5)
    subjects.change("DROP TABLE {slots}", "CREATE TABLE {slots} (schedule TEXT, slot BIGINT, fired BIGINT)")
    jump(subjects, signal.SIGUSR1)
    subjects.wait(lambda: max(entries(subjects).values(), default=0) > 1, 30)
    assert any(rows > distinct for _, rows, distinct in subjects.rows(COUNT))
