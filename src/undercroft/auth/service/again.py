"""Work that meets somebody else's: a row that two make at once is there for the other one at the next try."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from undercroft.base.faults import Fault

T = TypeVar("T")

_TRIES = 4


async def again(work: Callable[[], Awaitable[T]]) -> T:
    """What it comes to, begun anew where another made the same account or identity just now. Raises `Fault`."""
    for _ in range(_TRIES - 1):
        try:
            return await work()
        except Fault as fault:
            if fault.code != "23505":
                raise
    return await work()
