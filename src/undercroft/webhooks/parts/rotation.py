"""The sealed secrets of an endpoint, as they are stored: `[[sealed, until], …]`, the newest first.

The one in force has no end; the others sign too until theirs, in microseconds since 1970.
"""

from __future__ import annotations

import json


def only(sealed: str) -> str:
    """What is stored of an endpoint with one secret."""
    return json.dumps([[sealed, None]])


def rotated(stored: str, sealed: str, now: int, overlap: int) -> str:
    """What is stored once a secret takes the place of those that were: they end after `overlap` microseconds, or when
    they were to end before."""
    end = now + overlap
    kept = [[each, end if until is None else min(until, end)] for each, until in json.loads(stored)]
    return json.dumps([[sealed, None], *(each for each in kept if each[1] > now)])


def in_force(stored: str) -> str:
    """The newest secret, sealed."""
    return str(json.loads(stored)[0][0])
