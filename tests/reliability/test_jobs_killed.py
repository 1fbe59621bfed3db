"""Processes that enqueue and work are killed at random moments: nothing is lost, nothing happens twice, and nothing
that was undone happens at all.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from tests.reliability.jobs_ledger import Subjects

pytestmark = [pytest.mark.needs("linux"), pytest.mark.timeout(7200)]

BATCH = 50
"""Kills between two comparisons."""


def test_killed_at_any_moment(
    subjects: Subjects,
    rounds: Callable[[int, int], int],
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
) -> None:
    """R12."""
    chance, kills, wanted = random.Random(12), 0, rounds(8, 1000)
    while kills < wanted:
        names = [f"a{kills}", f"b{kills}"]
        for name in names:
            subjects.make(name, clients=4)
        for _ in range(min(BATCH, wanted - kills)):
            before = len(subjects.acked)
            subjects.hear(0.01 + 0.25 * chance.random())
            subjects.listen(lambda before=before: len(subjects.acked) > before)  # type: ignore[misc]
            kills += 1
            place = chance.randrange(2)
            subjects.kill(names[place])
            names[place] = f"c{kills}"
            subjects.make(names[place], clients=4)
        for name in names:
            subjects.kill(name)
        subjects.drain(f"d{kills}")
        verdict = subjects.verify()
        assert verdict.clean, (kills, verdict)
        assert len(subjects.acked) > 5 * kills
    restarts = sum(len(names) - 1 for names in subjects.outside()[0].values())
    assert restarts > 0  # the kills have hit
    with capsys.disabled():
        print(
            f"\n  kill -9 ({request.node.callspec.id}): {kills} kills, {len(subjects.acked)} jobs acknowledged, "
            f"{verdict.done} done, {restarts} begun again, 0 lost, 0 twice, 0 of undone transactions"
        )


def test_an_enqueue_outside_of_the_transaction_is_noticed(subjects: Subjects) -> None:
    """The control: jobs that are stored by themselves happen although their transaction is undone."""
    subjects.make("a", clients=4, leaky=True)
    subjects.listen(lambda: len(subjects.acked) > 100)
    subjects.kill("a")
    subjects.drain("d")
    verdict = subjects.verify()
    assert verdict.undone
    assert not verdict.lost


def test_an_answer_before_the_commit_is_noticed(subjects: Subjects) -> None:
    """The control: what is said before it is stored is lost."""
    subjects.make("a", clients=4, forgetful=True)
    subjects.listen(lambda: len(subjects.acked) > 20)
    subjects.kill("a")
    subjects.drain("d")
    assert subjects.verify().lost
