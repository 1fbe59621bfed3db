"""A rate is a burst, and then one after the other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from undercroft.jobs.parts.rates import next_free
from undercroft.models.jobs import Rate

SECOND = 1_000_000


def starts(rate: Rate, moments: list[int]) -> list[int]:
    """Which of the moments a job starts at, where one wants to at each."""
    free_at, found = 0, []
    for moment in moments:
        if moment >= free_at:
            found.append(moment)
            free_at = next_free(rate, free_at, moment)
    return found


def test_a_burst_and_then_evenly() -> None:
    moments = [100 * SECOND + each * SECOND // 100 for each in range(500)]
    found = starts(Rate(5, 1), moments)
    assert found[:5] == moments[:5]
    assert [round((one - other) / SECOND, 2) for one, other in zip(found[6:], found[5:-1], strict=True)] == [0.2] * (
        len(found) - 6
    )


def test_one_in_a_time_is_a_burst_of_one() -> None:
    assert starts(Rate(1, 10), [0, 1, 9 * SECOND, 10 * SECOND, 19 * SECOND, 20 * SECOND]) == [
        0,
        10 * SECOND,
        20 * SECOND,
    ]


@given(
    st.integers(1, 50),
    st.integers(1, 100),
    st.lists(st.integers(0, 300 * SECOND), min_size=1, max_size=300).map(sorted),
)
def test_no_time_of_the_rate_has_more_than_two_bursts_of_it(count: int, seconds: int, moments: list[int]) -> None:
    found = starts(Rate(count, seconds), moments)
    for start in found:
        within = [each for each in found if start <= each < start + seconds * SECOND]
        assert len(within) <= 2 * count
