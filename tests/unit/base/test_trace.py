"""Trace headers."""

from __future__ import annotations

import pytest

from undercroft.base.trace import Trace


def ones(count: int) -> bytes:
    return b"\x11" * count


PARENT = f"00-{'ab' * 16}-{'cd' * 8}-01"


def test_a_trace_goes_on_with_a_span_of_its_own() -> None:
    headers = dict(Trace(PARENT, "r-1").headers(ones))
    assert headers == {"traceparent": f"00-{'ab' * 16}-{'11' * 8}-01", "x-request-id": "r-1"}


@pytest.mark.parametrize(
    "parent", [None, "", "x", PARENT.upper(), f"00-{'0' * 32}-{'cd' * 8}-01", f"00-{'ab' * 16}-{'0' * 16}-01"]
)
def test_what_is_no_parent_begins_a_trace(parent: str | None) -> None:
    assert dict(Trace(parent).headers(ones)) == {"traceparent": f"00-{'11' * 16}-{'11' * 8}-00"}
