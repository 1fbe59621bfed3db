"""Which name somebody may have meant."""

from __future__ import annotations

import pytest

from undercroft.base.likeness import resembling


@pytest.mark.parametrize(
    ("name", "candidates", "found"),
    [
        ("addd", ["add", "remember"], "add"), ("ADD", ["add"], "add"),
        ("getproject", ["get_projects", "projects"], "get_projects"),
        ("(a, b, something)", ["(a, b)", "(c)"], "(a, b)"),
        ("()", ["(a, b)"], None), ("zzz", ["add", "remember"], None),
        ("x", [], None), ("ab", ["abcdefghij"], None), ("()", ["()"], "()"),
    ],
)  # fmt: skip
def test_the_likeliest_is_found(name: str, candidates: list[str], found: str | None) -> None:
    assert resembling(name, candidates) == found
