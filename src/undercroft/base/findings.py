"""What a look at an app before it serves may find: a stable id, what is the matter, where, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that somebody should know. `id` never changes its meaning: a review may wave it through by name."""

    id: str
    severity: Severity
    subject: str
    """What it is about, as `posts.author_id` or `[api] tx_end`; a finding's id and subject together are unique."""
    message: str
    """One sentence: what is so."""
    advice: str
    """One sentence: what to do."""
    place: str | None = None
    """`app.py:31`, where it stands in a file."""

    def as_json(self) -> dict[str, Any]:
        """Plain values, in a fixed order."""
        return asdict(self)


def in_order(findings: list[Finding]) -> list[Finding]:
    """The gravest first, then by id and subject: the same list for the same app, every time."""
    return sorted(findings, key=lambda found: (SEVERITIES.index(found.severity), found.id, found.subject))
