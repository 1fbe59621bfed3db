"""Workers that are stopped, told to end, set to another time, and poisoned: what is theirs, and what is not any more.

R25, and the fence of R12.
"""

from __future__ import annotations

import signal
import time

import pytest

from tests.reliability.jobs_ledger import QUICK, Subjects

pytestmark = [pytest.mark.needs("linux"), pytest.mark.timeout(300)]

USUAL = {"UNDERCROFT_JOBS_LEASE": "10", "UNDERCROFT_JOBS_POLL": "5"}
"""The settings' own values, in place of the short ones."""


def effects(subjects: Subjects) -> list[str]:
    return sorted(key for (key,) in subjects.rows("SELECT key FROM entries"))


def states(subjects: Subjects) -> dict[str, str]:
    return dict(subjects.rows("SELECT name, state FROM {jobs}"))


def become_a_zombie(subjects: Subjects, *, deaf: bool, unfenced: bool = False) -> None:
    """`a` is stopped just before its commit and comes back when `b` has done its job."""
    subjects.make("a", asks=[("slow", "k")], nap=0.01, stall=0.3, deaf=deaf, unfenced=unfenced)
    subjects.wait(lambda: "late k" in (subjects.folder / "outside").read_text())
    subjects.signal("a", signal.SIGSTOP)
    subjects.make("b", nap=0.01)
    subjects.wait(lambda: effects(subjects) == ["k"])
    assert subjects.begun("k") == ["a", "b"]
    subjects.signal("a", signal.SIGCONT)
    subjects.hear(1.5)
    assert subjects.lives("a")


@pytest.mark.parametrize("deaf", [False, True], ids=["told", "fence alone"])
def test_a_zombie_cannot_commit(subjects: Subjects, deaf: bool) -> None:
    become_a_zombie(subjects, deaf=deaf)
    verdict = subjects.verify()
    assert verdict.clean, verdict
    assert effects(subjects) == ["k"]
    subjects.make("c", work=False, asks=[("entry", "after")])  # both go on with other work
    subjects.wait(lambda: effects(subjects) == ["after", "k"])


def test_a_zombie_without_a_fence_is_noticed(subjects: Subjects) -> None:
    """The control: an attempt that ends a job by its id alone."""
    become_a_zombie(subjects, deaf=True, unfenced=True)
    assert subjects.verify().twice == {"k"}


def test_a_worker_that_is_told_to_end_finishes(subjects: Subjects) -> None:
    subjects.make("a", asks=[("slow", f"k{number}") for number in range(5)], nap=0.7)
    subjects.wait(lambda: len(subjects.outside()[0]) == 5)
    subjects.signal("a", signal.SIGTERM)
    subjects.wait(lambda: "a" in subjects.over)
    assert effects(subjects) == [f"k{number}" for number in range(5)]
    assert states(subjects) == {}


def test_what_cannot_be_finished_is_given_back_at_once(subjects: Subjects) -> None:
    """Whoever comes next need not wait for the lease."""
    short = {"UNDERCROFT_SERVER_DRAIN": "0.3", "UNDERCROFT_JOBS_LEASE": "60"}
    subjects.make("a", asks=[("slow", "k")], nap=20, environment=short)
    subjects.wait(lambda: subjects.begun("k") == ["a"])
    subjects.signal("a", signal.SIGTERM)
    subjects.hurt.add("a")
    subjects.wait(lambda: "a" in subjects.over)
    ((state, attempts, crashes, worker),) = subjects.rows("SELECT state, attempts, crashes, worker FROM {jobs}")
    assert (state, attempts, crashes, worker) == ("waiting", 0, 0, None)
    subjects.make("b", nap=0.01)
    assert subjects.wait(lambda: effects(subjects) == ["k"], 30) < 30  # half of the lease
    assert subjects.verify().clean


def test_clocks_that_jump_do_no_harm(subjects: Subjects) -> None:
    """An hour ahead, whoever judges by such a clock takes all others for lost; the fence holds nevertheless."""
    subjects.make("a", clients=3)
    subjects.make("b", clients=3)
    for number in (signal.SIGUSR1, signal.SIGUSR2) * 2:
        before = len(subjects.acked)
        subjects.signal("a", number)
        subjects.hear(0.4)
        subjects.listen(lambda before=before: len(subjects.acked) > before)  # type: ignore[misc]
    for name in ("a", "b"):
        subjects.signal(name, signal.SIGTERM)
    subjects.listen(lambda: {"a", "b"} <= subjects.over)
    subjects.drain("d")
    verdict = subjects.verify()
    assert (verdict.lost, verdict.twice, verdict.undone) == (set(), set(), set())
    assert verdict.done > 50


def test_a_job_that_takes_its_worker_down_is_dead_in_the_end(subjects: Subjects) -> None:
    good = [("entry", f"k{number:02}") for number in range(20)]
    asks = [*good[:10], ("poison", "p"), *good[10:]]
    environment = {"UNDERCROFT_JOBS_CRASHES": "3", "UNDERCROFT_JOBS_CONCURRENCY": "4"}
    subjects.make("ask", work=False, asks=asks, environment=environment)
    subjects.listen(lambda: len(subjects.acked) == len(asks))
    deaths = 0
    for number in range(10):
        name = f"n{number}"
        subjects.make(name, ready=False, until_drained=True, environment=environment)
        subjects.wait(lambda name=name: name in subjects.over or not subjects.lives(name))  # type: ignore[misc]
        if name in subjects.over:
            break
        deaths += 1
        subjects.hurt.add(name)
    assert deaths == len(subjects.begun("p")) == 3
    assert states(subjects) == {"poison": "dead"}
    assert effects(subjects) == [key for _, key in good]
    assert not subjects.verify().restarted


STRANGE = [
    "INSERT INTO {jobs} (name, arguments) VALUES ('entry', '{{broken')",
    "INSERT INTO {jobs} (name, arguments) VALUES ('entry', '[]')",
    "INSERT INTO {jobs} (name, arguments, actor) VALUES ('entry', '{{\"key\": \"actor\"}}', '{{}}')",
    "INSERT INTO {jobs} (name, arguments) VALUES ('unknown', '{{}}')",
    "INSERT INTO {jobs} (name, arguments, due, state) VALUES ('later', '{{}}', 4611686018427387904, 'later')",
    (
        "INSERT INTO {jobs} (name, arguments, due, state, created) "
        "VALUES ('entry', '{{\"key\": \"early\"}}', -62135596800000000, 'later', 9223372036854775807)"
    ),
    (
        "INSERT INTO {jobs} (name, arguments, state, lease, worker) "
        "VALUES ('entry', '{{\"key\": \"lost\"}}', 'running', -1, 'nobody')"
    ),
    "INSERT INTO {jobs} (name, arguments, priority) VALUES ('entry', '{{\"key\": \"last\"}}', -2147483648)",
    "INSERT INTO {jobs} (name, arguments, then_id) VALUES ('entry', '{{\"key\": \"leads nowhere\"}}', 999999)",
]


def test_strange_rows_stop_nobody(subjects: Subjects) -> None:
    """Broken JSON, ten megabytes, moments at the ends of time, workers and followers that are not there."""
    subjects.make("make", work=False)
    subjects.change(*STRANGE)
    large = "x" * 10_000_000
    subjects.change("INSERT INTO {jobs} (name, arguments) VALUES ('plain', '{{\"key\": \"" + large + "\"}}')")
    good = [("entry", f"k{number}") for number in range(10)]
    subjects.make("a", asks=good, environment={"UNDERCROFT_JOBS_CRASHES": "5"}, nap=0)
    expected = sorted(["early", "lost", "last", "leads nowhere", *(key for _, key in good)])
    subjects.wait(lambda: effects(subjects) == expected)
    subjects.wait(lambda: large in subjects.outside()[1])
    found = subjects.rows("SELECT name, state FROM {jobs} ORDER BY id")
    assert [row for row in found if row[0] != "entry"] == [("unknown", "waiting"), ("later", "later")]
    failed = subjects.rows("SELECT state, error FROM {jobs} WHERE name = 'entry' ORDER BY id")
    assert len(failed) == 3  # they are tried again, and say why
    assert all(state in ("later", "waiting", "running", "dead") and error for state, error in failed)
    assert subjects.lives("a")


def test_with_the_usual_settings_a_lost_worker_s_jobs_begin_again_within_15_seconds(
    subjects: Subjects, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    keys = [f"k{number:02}" for number in range(16)]
    subjects.make("a", asks=[("slow", key) for key in keys], nap=60, environment=USUAL)
    subjects.wait(lambda: len(subjects.outside()[0]) == len(keys))
    subjects.make("b", nap=0.01, environment=USUAL)
    subjects.kill("a")
    began, taken = time.monotonic(), list[float]()
    while len(taken) < len(keys):
        subjects.hear(0.02)
        found = sum(len(names) > 1 for names in subjects.outside()[0].values())
        taken += [time.monotonic() - began] * (found - len(taken))
        assert time.monotonic() - began < 60
    assert max(taken) < 15
    subjects.wait(lambda: effects(subjects) == keys)
    assert subjects.verify().clean
    assert QUICK.keys() >= USUAL.keys()
    with capsys.disabled():
        print(f"\n  rescue ({request.node.callspec.id}): first {taken[0]:.1f} s, last of 16 {taken[-1]:.1f} s")
