"""What was prepared is kept for those shapes that come again, and never for too many."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from undercroft.pipeline.cache import ShapeCache


def test_what_is_asked_for_stays() -> None:
    cache: ShapeCache[int] = ShapeCache(8)
    cache.put("kept", 1)
    for number in range(100):
        cache.put(number, number)
        assert cache.get("kept") == 1
    assert cache.get(0) is None
    assert cache.get(99) == 99


def test_it_can_be_emptied() -> None:
    cache: ShapeCache[int] = ShapeCache(8)
    cache.put("a", 1)
    cache.clear()
    assert cache.get("a") is None


@given(st.integers(1, 20), st.lists(st.tuples(st.booleans(), st.integers(0, 30))))
def test_it_is_bounded_and_never_wrong(entries: int, steps: list[tuple[bool, int]]) -> None:
    cache: ShapeCache[int] = ShapeCache(entries)
    latest: dict[int, int] = {}
    for turn, (puts, key) in enumerate(steps):
        if puts:
            cache.put(key, turn)
            latest[key] = turn
            assert cache.get(key) == turn
        else:
            assert cache.get(key) in (None, latest.get(key))
        assert len(cache._young) + len(cache._old) <= max(2, entries)
