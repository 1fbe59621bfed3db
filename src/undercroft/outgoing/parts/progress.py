"""Whom a call is waiting for, so that it is known whose fault it was if its time is over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Progress:
    """`origin` is the machine that has to do something next; None while the call waits for a place in this process."""

    __slots__ = ("origin",)

    def __init__(self) -> None:
        self.origin: str | None = None


_PROGRESS: ContextVar[Progress | None] = ContextVar("undercroft_outgoing_progress", default=None)


@contextmanager
def following() -> Iterator[Progress]:
    """What is waited for within."""
    progress = Progress()
    token = _PROGRESS.set(progress)
    try:
        yield progress
    finally:
        _PROGRESS.reset(token)


@contextmanager
def waiting_for(origin: str | None) -> Iterator[None]:
    """Says so, and afterwards what was said before; a call that is cancelled leaves it as it is."""
    progress = _PROGRESS.get() or Progress()
    before, progress.origin = progress.origin, origin
    try:
        yield
    except Exception:
        progress.origin = before
        raise
    progress.origin = before
