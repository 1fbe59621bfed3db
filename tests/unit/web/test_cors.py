"""Cross-origin headers: open to all unless origins are named, and nothing that a caller sends can break a line."""

from __future__ import annotations

import pytest

from undercroft.web.cors import cors, preflight

NAMED = frozenset({b"https://app.example"})


def test_without_named_origins_all_may_read() -> None:
    assert dict(cors(None)) == {b"access-control-allow-origin": b"*"}
    assert dict(cors(b"https://any.example"))[b"access-control-allow-origin"] == b"*"
    assert b"Content-Range" in dict(cors(b"https://any.example"))[b"access-control-expose-headers"]
    assert b"access-control-allow-credentials" not in dict(cors(b"https://any.example"))


def test_with_named_origins_only_they_may() -> None:
    found = dict(cors(b"https://app.example", NAMED))
    assert found[b"access-control-allow-origin"] == b"https://app.example"
    assert found[b"access-control-allow-credentials"] == b"true"
    for origin in (None, b"https://evil.example", b"https://app.example.evil", b"null"):
        assert cors(origin, NAMED) == ()
        assert preflight(origin, b"Foo", NAMED) == ()


@pytest.mark.parametrize(
    ("asked", "allowed"),
    [
        (b"Foo,Bar", b"Authorization, Foo, Bar, Accept, Accept-Language, Content-Language"),
        (None, b"Authorization, Accept, Accept-Language, Content-Language"),
        (b"authorization, apikey, accept", b"Authorization, apikey, accept, Accept-Language, Content-Language"),
        (b"a\r\nb: c, d e, f", b"Authorization, f, Accept, Accept-Language, Content-Language"),
        (b"\xff,,", b"Authorization, Accept, Accept-Language, Content-Language"),
    ],
)
def test_a_preflight_allows_what_was_asked_for(asked: bytes | None, allowed: bytes) -> None:
    found = dict(preflight(b"https://any.example", asked))
    assert found[b"access-control-allow-headers"] == allowed
    assert found[b"access-control-allow-methods"] == b"GET, POST, PATCH, PUT, DELETE, OPTIONS, HEAD"
    assert found[b"access-control-max-age"] == b"86400"


def test_a_preflight_is_bounded() -> None:
    found = dict(preflight(b"https://any.example", b"x," * 10_000))
    assert len(found[b"access-control-allow-headers"]) < 1_000
