"""What can be said of webhooks before one is sent: for `doctor`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from undercroft.base.findings import Finding

if TYPE_CHECKING:
    from undercroft.base.settings import Settings


def check_webhooks(settings: Settings) -> Iterator[Finding]:
    """UC117: events that others can read on their way."""
    if not settings.webhooks.https_only:
        yield Finding(
            "UC117",
            "warning",
            "[webhooks] https_only",
            "events may go to endpoints in the clear",
            "Leave it on, unless all endpoints are on networks of your own.",
        )
