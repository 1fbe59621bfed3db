"""Events about one thing in their order: which of two is the newer one."""

from __future__ import annotations

from datetime import UTC, datetime

from undercroft.webhooks.errors import unreadable_event
from undercroft.webhooks.types import MICROSECONDS, Order


def place_of(order: Order) -> tuple[str, int]:
    """What an event is about as text, and its place as a whole number that grows.

    A number counts as it is, in millionths; a moment, or a text of one (ISO 8601), in microseconds since 1970. Raises
    `Fault` UC400 for anything else.
    """
    subject, place = order
    try:
        if isinstance(place, str):
            place = datetime.fromisoformat(place)
        if isinstance(place, datetime):
            place = (place if place.tzinfo else place.replace(tzinfo=UTC)).timestamp()
        number = place * MICROSECONDS if isinstance(place, int) else round(place * MICROSECONDS)
    except (ValueError, OverflowError, TypeError):
        raise unreadable_event("its place among the others is neither a number nor a moment") from None
    if not -(2**63) <= number < 2**63:
        raise unreadable_event("its place among the others is too large a number")
    return str(subject), number
