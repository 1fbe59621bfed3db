"""The place of an event among others."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from undercroft.base.faults import Fault
from undercroft.webhooks.parts.order import place_of


def test_numbers_and_moments_are_on_one_line() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    seconds = int(moment.timestamp())
    expected = ("ord_1", seconds * 1_000_000)
    for place in (seconds, float(seconds), moment, "2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00", "2026-01-01"):
        assert place_of(("ord_1", place)) == expected
    assert place_of((7, 1.5)) == ("7", 1_500_000)


@pytest.mark.parametrize("place", ["soon", None, [], {}, 2**63, -(2**70), float("nan"), float("inf"), ""])
def test_places_that_are_none(place: Any) -> None:
    with pytest.raises(Fault) as caught:
        place_of(("a", place))
    assert caught.value.code == "UC400"
