"""Which name somebody may have meant."""

from __future__ import annotations

import pytest

from undercroft.base.likeness import misspelt, resembling


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


@pytest.mark.parametrize(
    ("name", "columns", "found"),
    [
        ("nmae", ["id", "name"], ("name",)), ("nope", ["id", "name"], ("name",)), ("nope", ["name", "note"], ("note",)),
        ("nam", ["id", "first_name"], ()), ("ab", ["abcd"], ()), ("abcdefgh", ["efgh"], ()),
        ("nope", ["note", "node"], ("note", "node")), ("nope", ["note", "node", "nose"], ()),
        ("nope", ["note", "node", "nose", "none"], ()), ("nope", ["nxyz", "note"], ("note",)),
        ("Näme", ["name"], ("name",)), ("x", ["y"], ()), ("", ["a"], ()), ("none", [], ()),
    ],
)  # fmt: skip
def test_columns_are_meant_as_postgresql_takes_them(name: str, columns: list[str], found: tuple[str, ...]) -> None:
    assert misspelt(name, columns) == found
