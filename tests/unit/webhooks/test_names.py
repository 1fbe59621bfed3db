"""Names of events, and patterns."""

from __future__ import annotations

import pytest

from undercroft.webhooks.errors import WebhookFault
from undercroft.webhooks.parts.names import check_patterns, wanted


@pytest.mark.parametrize(
    ("name", "patterns", "expected"),
    [
        ("a.b", ("a.b",), True), ("a.b", ("*",), True), ("a.b", ("a.*",), True), ("a.b.c", ("a.*",), True),
        ("a", ("a.*",), False), ("ab.c", ("a.*",), False), ("a.b", ("a",), False), ("a.b", ("x", "a.*"), True),
        ("a.b", (), False), ("a.b", ("a.b.*",), False), ("a.b", ("*.b",), False),
    ],
)  # fmt: skip
def test_wanted(name: str, patterns: tuple[str, ...], expected: bool) -> None:
    assert wanted(name, patterns) is expected


@pytest.mark.parametrize("pattern", ["", ".*", "a.*.b", "**", "a*", "*.a", "a b", "a.**", "a..*"])
def test_patterns_that_are_none(pattern: str) -> None:
    with pytest.raises(WebhookFault):
        check_patterns([pattern])


def test_patterns() -> None:
    assert check_patterns(["*", "a.*", "a.b"]) == ("*", "a.*", "a.b")
    with pytest.raises(WebhookFault):
        check_patterns([])
