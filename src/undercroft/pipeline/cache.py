"""A bounded cache of what was prepared for a shape of request. One thread uses it."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class ShapeCache(Generic[V]):
    """Two generations: a hit in the young one writes nothing, and what a whole generation did not ask for goes."""

    def __init__(self, entries: int) -> None:
        self._generation = max(1, entries // 2)
        self._young: dict[Hashable, V] = {}
        self._old: dict[Hashable, V] = {}

    def get(self, key: Hashable) -> V | None:
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is not None:
                self.put(key, found)
        return found

    def put(self, key: Hashable, value: V) -> None:
        if len(self._young) >= self._generation:
            self._young, self._old = {}, self._young
        self._young[key] = value

    def clear(self) -> None:
        self._young, self._old = {}, {}
