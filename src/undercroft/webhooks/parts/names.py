"""Names of events, and the patterns by which endpoints ask for them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from undercroft.webhooks.errors import WebhookFault

_NAME = re.compile(r"[a-zA-Z0-9_]+(\.[a-zA-Z0-9_]+)*")
LONGEST = 100


def check_name(name: str) -> str:
    """A name such as `invoice.paid`. Raises `WebhookFault`."""
    if len(name) > LONGEST or not _NAME.fullmatch(name):
        raise WebhookFault(
            f"{name[:LONGEST]!r} is no name of an event", hint="Letters, digits and _, in parts joined by dots."
        )
    return name


def check_patterns(patterns: Iterable[str]) -> tuple[str, ...]:
    """Names, `invoice.*` for all below one, `*` for all. Raises `WebhookFault`."""
    found = tuple(patterns)
    if not found:
        raise WebhookFault("an endpoint asks for at least one event", hint='"*" asks for all.')
    for pattern in found:
        if pattern != "*":
            check_name(pattern.removesuffix(".*"))
    return found


def wanted(name: str, patterns: Iterable[str]) -> bool:
    """Whether any pattern asks for an event."""
    return any(
        pattern in ("*", name) or (pattern.endswith(".*") and name.startswith(pattern[:-1])) for pattern in patterns
    )
