"""A worker claims what it can run, many where they are short, and never keeps long ones from others."""

from __future__ import annotations

from undercroft.jobs.parts.pace import MOST_AHEAD, Pace


def test_at_first_it_is_what_can_run() -> None:
    pace = Pace(16)
    assert [pace.room(held) for held in (0, 1, 15, 16, 20)] == [16, 15, 1, 0, 0]


def test_short_jobs_are_claimed_in_ever_larger_lots_up_to_a_bound() -> None:
    pace, now, rooms = Pace(16), 100.0, []
    pace.claimed(16, 16, now)
    for _ in range(8):
        now += 0.01
        room = pace.room(0)
        rooms.append(room)
        pace.claimed(room, room, now)
    assert rooms == [16, 32, 64, 128, 256, 512, 512, 512]
    assert max(rooms) == MOST_AHEAD
    assert pace.room(MOST_AHEAD // 2) == MOST_AHEAD // 2
    assert pace.room(MOST_AHEAD // 2 + 1) == 0


def test_where_less_is_there_than_there_is_room_for_it_stays() -> None:
    pace = Pace(16)
    for step in range(10):
        pace.claimed(3, 16, step * 0.01)
    assert pace.room(0) == 16


def fast(concurrency: int) -> tuple[Pace, float]:
    pace, now = Pace(concurrency), 0.0
    for _ in range(8):
        now += 0.01
        pace.claimed(pace.room(0), pace.room(0), now)
    return pace, now


def test_long_ones_bring_it_back() -> None:
    pace, now = fast(16)
    pace.claimed(1, 512, now + 1)
    assert pace.room(0) == 16


def test_what_was_thought_to_be_short_is_given_back() -> None:
    pace, now = fast(16)
    assert pace.too_many(500, now + 0.1) == 0
    assert pace.too_many(500, now + 0.3) == 484
    assert pace.too_many(16, now + 0.3) == 0
    assert pace.room(16) == 0


def test_an_idle_runner_is_always_given_something() -> None:
    """Nine long jobs of sixteen must not keep the other seven places empty."""
    pace = Pace(16)
    pace.claimed(16, 16, 100.0)
    assert [pace.room(held) for held in (9, 15)] == [7, 1]
