"""The prepared statements of one connection: a bounded number, the least recently used first to go."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from undercroft.engine.postgres.values import Loads, loads_of


class Prepared:
    """A statement by its name on the server, and how to read what it gives."""

    __slots__ = ("_loads", "name")

    def __init__(self, name: bytes) -> None:
        self.name = name
        self._loads: Sequence[Loads] | None = None

    def loads(self, result: Any) -> Sequence[Loads]:
        """PostgreSQL refuses a prepared statement whose result would have other types than before: once is enough."""
        if self._loads is None:
            self._loads = loads_of(result)
        return self._loads


class Statements:
    """Text → prepared statement, on one connection."""

    __slots__ = ("_count", "_dropped", "_known", "_most", "_prefix")

    def __init__(self, most: int) -> None:
        self._known: OrderedDict[str, Prepared] = OrderedDict()
        self._dropped: list[bytes] = []
        self._most = most
        self._count = 0
        # Should a pooler hand us a connection on which others prepare too, a name must never mean another's statement.
        self._prefix = f"uc_{secrets.token_hex(6)}_"

    def find(self, text: str) -> Prepared | None:
        found = self._known.get(text)
        if found is not None:
            self._known.move_to_end(text)
        return found

    def add(self, text: str) -> Prepared:
        """A new statement, to be prepared under its name."""
        if len(self._known) >= self._most:
            self._dropped.append(self._known.popitem(last=False)[1].name)
        self._count += 1
        added = self._known[text] = Prepared(f"{self._prefix}{self._count}".encode())
        return added

    def forget(self, text: str, name: bytes) -> None:
        """It was never prepared under that name."""
        known = self._known.get(text)
        if known is not None and known.name == name:
            del self._known[text]
        if name in self._dropped:
            self._dropped.remove(name)

    def drop(self, name: bytes) -> None:
        """It is still to be deallocated."""
        self._dropped.append(name)

    def drop_all(self) -> None:
        """Everything is to be prepared anew."""
        self._dropped += [known.name for known in self._known.values()]
        self._known.clear()

    def clear(self) -> None:
        """Everything is to be prepared anew; the server has forgotten it already."""
        self._known.clear()
        self._dropped.clear()

    def take_dropped(self) -> list[bytes]:
        """The names to deallocate."""
        if not self._dropped:
            return []
        dropped, self._dropped = self._dropped, []
        return dropped

    def __len__(self) -> int:
        return len(self._known)
