"""What `undercroft jobs watch` makes of two looks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from undercroft.cli.watching import Look, Rates, _drawn, rates
from undercroft.jobs.types import JobRecord


def look(at: float, latest: int, **states: int) -> Look:
    return Look(at, latest, {"work": states} if states else {}, [])


def test_what_came_and_is_not_there_any_more_has_ended() -> None:
    assert rates(look(0, 100, waiting=10), look(2, 160, waiting=20, running=5)) == Rates(30.0, 22.5)


def test_kept_ones_have_ended_too() -> None:
    assert rates(look(0, 10, waiting=10), look(1, 10, done=10)) == Rates(0.0, 10.0)


@pytest.mark.parametrize("before", [None, look(5, 0)])
def test_one_look_tells_no_rate(before: Look | None) -> None:
    assert rates(before, look(5, 10, waiting=1)) == Rates(0.0, 0.0)


@pytest.mark.parametrize(
    ("progress", "shown"),
    [({"share": 0.5, "message": "half"}, "██████████░░░░░░░░░░"), ({"share": 7, "message": None}, "█" * 20),
     ("text", None), (None, None), ({"share": "x"}, None)],
)  # fmt: skip
def test_it_draws_whatever_a_job_has_said_of_itself(progress: Any, shown: str | None) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    if isinstance(progress, dict) and progress.get("message"):
        progress = progress | {"message": "\x1b]0;title\x07" + progress["message"]}
    job = JobRecord(7, "[red]work", "running", "default", 0, {}, 1, now, now, now, None, "w", None, None, progress)
    console = Console(width=120)
    with console.capture() as captured:
        console.print(_drawn(Look(0, 7, {"[red]work": {"running": 1}}, [job]), Rates(1, 2)))
    assert "[red]work" in captured.get()
    assert "\x1b" not in captured.get()
    assert (shown in captured.get()) if shown else "█" not in captured.get()
