"""When schedules fire: cron in a zone, across both changes of the clocks, and what is made up for."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Any, Literal
from zoneinfo import ZoneInfo

import pytest

from undercroft import Context
from undercroft.base.faults import SetupFault
from undercroft.jobs.declarations import JobDeclarations
from undercroft.jobs.parts.slots import GRACE, mark_of, newest_slots, next_slot, slots_after, slots_to_fire
from undercroft.jobs.types import Schedule

BERLIN = ZoneInfo("Europe/Berlin")
SECOND = 1_000_000
Missed = Literal["once", "all", "skip"]


def schedule(cron: str | None = None, **options: Any) -> Schedule:
    declared = JobDeclarations()

    async def tick(ctx: Context) -> None: ...

    declared.schedule(cron, **options)(tick)
    return declared.schedules[0]


def micro(moment: datetime) -> int:
    return round(moment.timestamp() * SECOND)


def told(moments: Any, zone: Any = UTC) -> list[str]:
    return [f"{datetime.fromtimestamp(each / SECOND, zone):%d %H:%M%z}" for each in moments]


def test_a_moment_that_is_skipped_in_spring_fires_once_right_after() -> None:
    daily = schedule("30 2 * * *", tz="Europe/Berlin")
    start = micro(datetime(2026, 3, 28, 12, tzinfo=BERLIN))
    assert told(islice(slots_after(daily, start), 3), BERLIN) == ["29 03:00+0200", "30 02:30+0200", "31 02:30+0200"]


def test_a_moment_that_comes_twice_in_autumn_fires_at_its_first() -> None:
    daily = schedule("30 2 * * *", tz="Europe/Berlin")
    start = micro(datetime(2026, 10, 24, 12, tzinfo=BERLIN))
    assert told(islice(slots_after(daily, start), 3), BERLIN) == ["25 02:30+0200", "26 02:30+0100", "27 02:30+0100"]


def test_between_the_two_passes_nothing_fires_a_second_time() -> None:
    daily = schedule("30 2 * * *", tz="Europe/Berlin")
    second_pass = datetime(2026, 10, 25, 2, 10, tzinfo=BERLIN, fold=1)
    assert told([next_slot(daily, micro(second_pass))], BERLIN) == ["26 02:30+0100"]


@pytest.mark.parametrize(("day", "hours"), [((3, 29), 23), ((10, 25), 25)])
def test_stars_follow_real_time(day: tuple[int, int], hours: int) -> None:
    hourly = schedule("*/30 * * * *", tz="Europe/Berlin")
    midnight = datetime(2026, *day, tzinfo=BERLIN)
    start, end = micro(midnight), micro(midnight + timedelta(days=1))  # by the wall clock, as Python adds
    slots = newest_slots(hourly, start, end, 1000)
    assert len(slots) == 2 * hours
    assert {after - before for before, after in pairwise(slots)} == {1800 * SECOND}


@pytest.mark.parametrize(
    "expression", ["*/20 */3 * * *", "30 1,2,3 * * *", "0 0 * * *", "15,45 2 * * SUN", "0 */2 * * *"]
)
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "America/Santiago", "Africa/Cairo"])
def test_it_does_not_matter_from_where_one_looks(expression: str, zone: str) -> None:
    """Nodes start at any moment: what is a slot for one is a slot for all, over a whole year."""
    found = schedule(expression, tz=zone)
    start, end = micro(datetime(2026, 1, 1, tzinfo=UTC)), micro(datetime(2027, 1, 1, tzinfo=UTC))
    all_slots = newest_slots(found, start, end, 1_000_000)
    assert all_slots == sorted(set(all_slots))
    for change in range(0, len(all_slots) - 1, max(1, len(all_slots) // 400)):
        for moment in (all_slots[change], all_slots[change] + SECOND, all_slots[change + 1] - 1):
            assert next_slot(found, moment) == all_slots[change + 1]


def test_every_counts_from_1970_for_all_nodes_alike() -> None:
    often = schedule(every="10s")
    start = micro(datetime(2026, 1, 1, 0, 0, 7, tzinfo=UTC))
    assert [slot % (60 * SECOND) // SECOND for slot in islice(slots_after(often, start), 3)] == [10, 20, 30]


def test_a_sixth_field_in_front_gives_seconds() -> None:
    start = micro(datetime(2026, 1, 1, tzinfo=UTC))
    slots = islice(slots_after(schedule("*/20 * * * * *"), start), 3)
    assert [slot - start for slot in slots] == [20 * SECOND, 40 * SECOND, 60 * SECOND]


@pytest.mark.parametrize(("missed", "number"), [("once", 1), ("all", 48), ("skip", 0)])
def test_what_is_made_up_for(missed: Missed, number: int) -> None:
    hourly = schedule("0 * * * *", missed=missed)
    start = micro(datetime(2026, 5, 1, tzinfo=UTC))
    now = start + 48 * 3600 * SECOND + GRACE + 1
    found = slots_to_fire(hourly, start, now)
    assert len(found) == number
    assert found[-1:] in ([], [start + 48 * 3600 * SECOND])
    assert slots_to_fire(hourly, start, start + 3600 * SECOND + GRACE) == [start + 3600 * SECOND]


@pytest.mark.parametrize("missed", ["once", "all"])
def test_years_of_absence_are_not_walked_through(missed: Missed) -> None:
    often = schedule("* * * * *", missed=missed)
    now = micro(datetime(2026, 5, 1, tzinfo=UTC))
    began = time.perf_counter()
    found = slots_to_fire(often, micro(datetime(2006, 5, 1, tzinfo=UTC)), now)
    assert time.perf_counter() - began < 1
    assert found[-1] == now
    assert len(found) == (1 if missed == "once" else 1000)


def test_a_rare_one_is_found_however_far_it_lies_back() -> None:
    leap = schedule("0 0 29 2 *")
    found = newest_slots(leap, 0, micro(datetime(2027, 5, 1, tzinfo=UTC)), 2)
    assert [datetime.fromtimestamp(slot / SECOND, UTC).year for slot in found] == [2020, 2024]


def test_a_mark_is_of_one_expression() -> None:
    assert mark_of(schedule("0 * * * *")) == mark_of(schedule("0 * * * *")) < 0
    marks = {mark_of(schedule("0 * * * *", tz=zone)) for zone in ("UTC", "Europe/Berlin")}
    assert len(marks | {mark_of(schedule(every="1h"))}) == 3


@pytest.mark.parametrize(
    ("given", "options"),
    [("61 * * * *", {}), ("* * *", {}), ("* * * * *", {"tz": "Mars/Base"}), ("0 0 30 2 *", {}), (None, {"every": 0}),
     ("* * * * *", {"every": 5}), (None, {})],
)  # fmt: skip
def test_what_is_no_schedule_is_refused_by_its_line(given: str | None, options: dict[str, Any]) -> None:
    with pytest.raises(SetupFault, match=r"test_slots\.py:\d+"):
        schedule(given, **options)
