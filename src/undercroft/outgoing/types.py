"""Who turns names into addresses."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol


class Resolver(Protocol):
    """Turns the name of a machine into its addresses."""

    def __call__(self, host: str, port: int) -> Awaitable[list[str]]:
        """Every address, as texts of numbers. Raises `OSError` where there is none."""
        ...
