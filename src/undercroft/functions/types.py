"""What a function is and what it may give, as values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter

from undercroft.web.handlers import Handler
from undercroft.web.headers import Headers

LONGEST_NAME = 100
"""Characters of a function's name."""


@dataclass(frozen=True, slots=True, eq=False)
class Endpoint:
    """A function under `/functions/v1/<name>`."""

    name: str
    handler: Handler
    methods: frozenset[str]
    roles: frozenset[str]
    """Who may call it; empty for everybody."""
    public: bool
    """It asks for no credential, and one that is not believed is no reason to refuse."""
    timeout: float | None
    """Seconds until its answer begins; None as `[server] handler_timeout` says."""
    result: TypeAdapter[Any]
    """How what it gives becomes JSON."""

    def allows(self, role: str, bypass: frozenset[str]) -> bool:
        """Whether a role may call it."""
        return role in bypass or not self.roles or role in self.roles


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer in full, for when the body alone does not say it."""

    body: Any = None
    """As a function would give it: JSON of any value, a text, bytes, an iterator to stream, or None for no body."""
    status: int = 200
    headers: Headers = ()
    """Pairs, where a name is given twice."""
    media_type: str | None = None
    """As the body says, when it is left out."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a stream of them (HTML, 9.2 "Server-sent events")."""

    data: Any
    """A text as it is; anything else as JSON."""
    event: str | None = None
    """Its type; "message" when it is left out."""
    id: str | None = None
    """What the browser sends as `Last-Event-ID` when it comes again."""
    retry: int | None = None
    """Milliseconds after which it comes again."""
