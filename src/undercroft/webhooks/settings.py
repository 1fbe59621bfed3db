"""What this room is told. Seconds and bytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    """See `[webhooks]` in docs/settings.md."""

    https_only: bool = True
    timeout: float = 20.0
    overlap: float = 86_400.0
    tolerance: float = 300.0
    body_limit: int = 1024 * 1024
    keep: float = 2_592_000.0
