"""Bodies, packed or not, never longer than allowed."""

from __future__ import annotations

import gzip
import random

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


@pytest.mark.parametrize("size", [1, 7, 10_000])
def test_several_members(size: int) -> None:
    packed = gzip.compress(b"one ") + gzip.compress(b"") + gzip.compress(b"two") + b"\0" * 12
    pieces = [packed[at : at + size] for at in range(0, len(packed), size)]
    assert taken("gzip", 7, *pieces) == (b"one two", False)
    assert taken("gzip", 6, *pieces) == (b"one tw", True)
    assert taken("gzip", 3, *pieces) == (b"one", True)


def test_a_member_that_ends_too_early_or_is_none() -> None:
    body = Body("gzip", 500)
    body.take(gzip.compress(b"one") + gzip.compress(b"two")[:-3])
    with pytest.raises(Inflation, match="too early"):
        body.end()
    with pytest.raises(Inflation, match="not gzip"):
        Body("gzip", 500).take(gzip.compress(b"one") + b"and more")


def test_members_without_content_are_counted() -> None:
    body, piece, taken_in = Body("gzip", 10_000), gzip.compress(b"") * 50, 0
    while not body.over and taken_in < 100_000:
        assert body.take(piece) == b""
        taken_in += len(piece)
    assert 10_000 < taken_in < 15_000


def test_what_cannot_be_packed_is_no_longer_than_it_is() -> None:
    plain = random.Random(7).randbytes(100_000)
    assert taken("gzip", 100_000, gzip.compress(plain)) == (plain, False)
    small = b"".join(gzip.compress(bytes([each])) for each in b"tiny")
    assert taken("gzip", 4, small) == (b"tiny", False)


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
