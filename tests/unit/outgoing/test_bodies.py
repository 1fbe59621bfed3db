"""Bodies, packed or not, never longer than allowed."""

from __future__ import annotations

import gzip

import pytest

from undercroft.outgoing.parts.bodies import Body, Inflation


def taken(coding: str, limit: int, *pieces: bytes) -> tuple[bytes, bool]:
    body = Body(coding, limit)
    return b"".join(body.take(piece) for piece in pieces), body.over


def test_plain() -> None:
    assert taken("", 10, b"hello", b"world") == (b"helloworld", False)
    assert taken("identity", 9, b"hello", b"world") == (b"helloworl", True)
    assert taken("", 5, b"hello", b"") == (b"hello", False)


def test_packed() -> None:
    packed = gzip.compress(b"hello" * 100)
    assert taken("gzip", 500, *(packed[at : at + 7] for at in range(0, len(packed), 7))) == (b"hello" * 100, False)
    assert taken("X-GZIP", 499, packed) == ((b"hello" * 100)[:499], True)


def test_a_bomb_stays_packed() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) < 60_000
    found, over = taken("gzip", 1000, bomb)
    assert (len(found), over) == (1000, True)


def test_what_ends_too_early() -> None:
    packed = gzip.compress(b"hello" * 100)
    whole, half, none, cut = Body("gzip", 500), Body("gzip", 500), Body("gzip", 500), Body("gzip", 5)
    whole.take(packed)
    whole.end()
    none.take(b"")
    none.end()
    cut.take(packed[:-4])
    cut.end()
    half.take(packed[:-4])
    with pytest.raises(Inflation, match="too early"):
        half.end()


def test_what_is_refused() -> None:
    with pytest.raises(Inflation):
        Body("br", 10)
    with pytest.raises(Inflation):
        Body("gzip", 10).take(b"not gzip at all")
