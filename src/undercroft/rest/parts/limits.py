"""Every bound on what a request may ask for, by name."""

from __future__ import annotations

from dataclasses import dataclass

MOST_JSON_STEPS = 64
"""Arrows in one JSON path: not to be set, as nobody needs more and each is a call inside the statement."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What is refused before work is spent on it. Bytes, counts and depths."""

    url_bytes: int = 65_536
    """Path and query string together, as sent."""
    header_bytes: int = 8_192
    """Each of the headers that are parsed (Prefer, Accept, Content-Type, Range, profiles)."""
    parameters: int = 256
    select_items: int = 1_000
    """Columns and embeds of one request, at all depths."""
    select_depth: int = 32
    embeds: int = 100
    """Embeds of one request, at all depths: each becomes a query inside the statement."""
    order_terms: int = 100
    logic_depth: int = 32
    logic_terms: int = 1_000
    body_bytes: int = 16 * 1024 * 1024
    json_depth: int = 128
    rows: int = 50_000
    """Rows in the body of one write."""
    columns: int = 1_600
    """Columns in the body of one write (PostgreSQL's own limit)."""
    cached_text: int = 2_048
    """Texts longer than this many characters are parsed anew each time, so that caches stay small."""
    cache_entries: int = 1_024
