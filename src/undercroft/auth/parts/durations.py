"""Lengths of time as Go writes them: `24h`, `1h30m`, `90s`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m|h)")
LONGEST = timedelta(days=365 * 292)
"""What Go's `time.Duration` holds; nobody is banned for longer."""


def go_duration(text: str) -> timedelta | None:
    """The length of time; None for a text that says none."""
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    return min(LONGEST, timedelta(seconds=seconds)) if seconds <= LONGEST.total_seconds() else LONGEST
