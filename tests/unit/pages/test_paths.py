"""Paths of pages: read once, in one way, and matched by their words."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from undercroft.base.faults import SetupFault
from undercroft.pages.parts.paths import Paths, names_of, read_path


@pytest.mark.parametrize(
    ("raw", "segments"),
    [
        (b"/", ()), (b"/a", ("a",)), (b"/a/b%20c", ("a", "b c")), (b"/%C3%B6", ("ö",)), (b"/...", ("...",)),
        (b"/a%25b", ("a%b",)), (b"/%252e%252e/x", ("%2e%2e", "x")),
        *((raw, None) for raw in (
            b"", b"a", b"//", b"/a/", b"/a//b", b"/.", b"/..", b"/a/../b", b"/%2e%2e/b", b"/.%2E", b"/a%2fb", b"/a%2Fb",
            b"/a%5cb", b"/a\\b", b"/a%00", b"/a%0a", b"/a%7f", b"/%ff", b"/\xff", b"/%c0%ae", b"/a/.",
        )),
    ],
)  # fmt: skip
def test_reading(raw: bytes, segments: tuple[str, ...] | None) -> None:
    assert read_path(raw) == segments


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=30))
def test_what_is_read_can_be_read_in_one_way(raw: bytes) -> None:
    segments = read_path(b"/" + raw)
    if segments is not None:
        assert read_path(("/" + "/".join(quote(segment, safe="") for segment in segments)).encode()) == segments
        assert all(segment not in ("", ".", "..") and not set("/\\\0") & set(segment) for segment in segments)


def test_matching() -> None:
    paths = Paths([("/", 1), ("/a", 2), ("/a/{x}", 3), ("/{y}/b", 4), ("/a/b", 5)])

    def found(*segments: str) -> tuple[int, dict[str, str]] | None:
        match = paths.find(segments)
        return None if match is None else (match.found, dict(match.texts))

    assert found() == (1, {})
    assert found("a") == (2, {})
    assert found("a", "b") == (5, {}), "a whole path comes first"
    assert found("a", "c") == (3, {"x": "c"}), "then the first that was declared"
    assert found("c", "b") == (4, {"y": "c"})
    assert found("{y}", "b") == (4, {"y": "{y}"})
    assert found("c") is None
    assert found("a", "b", "c") is None


def test_declaring() -> None:
    assert names_of("/a/{b}/{c_1}", "x") == ("b", "c_1")
    assert names_of("/", "x") == ()
    for path in ("", "a", "/a/", "//", "/{1}", "/{a}{b}", "/a{b}", "/{}", "/a?b", "/a b", "/%41", "/{a}/{a}"):
        with pytest.raises(SetupFault):
            names_of(path, "app.py:1")
