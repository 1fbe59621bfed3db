"""What can go wrong, as a value: a stable code, a message that says what to do, details, a hint.

A stage raises its own subclass of `Fault`; nobody below `web` knows HTTP. One table there (`web/faults.py`)
turns codes into statuses, and each protocol renders its own shape.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterable


class Fault(Exception):
    """A refusal or failure with a stable code.

    `code` is a PostgREST code ("PGRST100"), an SQLSTATE ("23505") or, where neither has a word, one of ours ("UC001").
    `message` is one sentence for people; `details` and `hint` are optional; `place` says where in the input, for logs.
    """

    default_code: ClassVar[str] = "XX000"
    is_told: ClassVar[bool] = False
    """Callers read its words even where its status is 500: nothing of the program's inside is in them."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        details: object = None,
        hint: str | None = None,
        retry_after: int | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code or self.default_code
        self.message = message
        self.details = details
        self.hint = hint
        self.retry_after = retry_after
        """Seconds after which the same request may succeed; only overload and unavailability set it."""
        self.request: int | None = None
        """Which one it was of several that came together, from 1."""


class Overloaded(Fault):
    """A bounded queue is full, or a time limit passed while waiting for a place in it."""

    default_code = "UC503"

    def __init__(self, message: str, *, hint: str | None = None, retry_after: int = 1) -> None:
        super().__init__(message, hint=hint, retry_after=retry_after)


class SetupFault(Fault):
    """The app file, a setting or the data directory is wrong; raised at start-up, never while serving."""

    default_code = "UC001"


def closest(name: str, candidates: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The candidate most like `name`, for "did you mean"; give it only names that the caller may know."""
    found = get_close_matches(name, list(candidates), n=1, cutoff=cutoff)
    return found[0] if found else None
