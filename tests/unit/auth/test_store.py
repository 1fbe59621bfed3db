"""Moments as engines spell them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from undercroft.auth.store import moment

ENDS = {"": 0, ".5": 500_000, ".67": 670_000, ".678": 678_000, ".6789": 678_900, ".67891": 678_910, ".678912": 678_912}


@pytest.mark.parametrize("end", ENDS)
def test_postgres_leaves_out_zeros_at_the_end(end: str) -> None:
    """With thousandths, its text is as long as SQLite's with microseconds."""
    assert moment(f"2020-01-02 03:04:05{end}+00") == datetime(2020, 1, 2, 3, 4, 5, ENDS[end], UTC)


@pytest.mark.parametrize("micro", [0, 678_000, 678_912])
def test_sqlite_says_no_zone(micro: int) -> None:
    assert moment(f"2020-01-02 03:04:05.{micro:06d}") == datetime(2020, 1, 2, 3, 4, 5, micro, UTC)
    assert moment("2020-01-02 03:04:05") == datetime(2020, 1, 2, 3, 4, 5, tzinfo=UTC)
