"""Traces (W3C Trace Context): one goes on from a request through every call to another machine that it causes.

What caused the code that runs is a context variable, since that code may be anybody's: a task sees the request that it
serves and no other.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass

_PARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-([0-9a-f]{2})")


@dataclass(frozen=True, slots=True)
class Trace:
    """What a call belongs to."""

    parent: str | None = None
    """The `traceparent` of what caused it."""
    request_id: str | None = None

    def headers(self, random_bytes: Callable[[int], bytes]) -> tuple[tuple[str, str], ...]:
        """`traceparent` with a new span in the trace of the parent, or a new trace; `x-request-id` where it is known.

        A trace that begins here is not sampled: whether it is recorded is nobody's decision yet.
        """
        found = _PARENT.fullmatch(self.parent or "")
        trace, flags = (found[1], found[2]) if found else (random_bytes(16).hex(), "00")
        own = (("traceparent", f"00-{trace}-{random_bytes(8).hex()}-{flags}"),)
        return own if self.request_id is None else (*own, ("x-request-id", self.request_id))


CAUSE: ContextVar[Trace | None] = ContextVar("CAUSE", default=None)
"""Set by the door for a request that names its trace or its id."""
