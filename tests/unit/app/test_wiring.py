"""What the rooms are told of the settings."""

from __future__ import annotations

import pytest

from undercroft.app.wiring import door_settings
from undercroft.base.settings import Settings


@pytest.mark.parametrize(
    ("requests", "streams", "allowed"), [(256, 128, 128), (64, 128, 63), (2, 128, 1), (1, 5, 1), (64, 8, 8)]
)
def test_streams_leave_a_place_for_others(requests: int, streams: int, allowed: int) -> None:
    given = {"UNDERCROFT_SERVER_MAX_REQUESTS": str(requests), "UNDERCROFT_SERVER_MAX_STREAMS": str(streams)}
    assert door_settings(Settings.load(None, given)).max_streams == allowed


def test_a_body_is_waited_for_as_long_as_is_set() -> None:
    assert door_settings(Settings.load(None, {"UNDERCROFT_SERVER_BODY_TIMEOUT": "7s"})).body_seconds == 7.0
