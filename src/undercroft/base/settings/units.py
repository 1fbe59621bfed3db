"""Lengths of time and sizes as people write them in a settings file: `"1m30s"`, `"10MiB"`."""

from __future__ import annotations

import json
import re
from typing import Annotated

from pydantic import BeforeValidator

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_TIME = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
# As in Supabase CLI's file_size_limit, whose "MB" means 1024 squared, like its "MiB".
_BYTES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmg]?)i?b?", re.IGNORECASE)


def seconds(value: object) -> object:
    """`"1m30s"` as 90.0; a number stays one, in seconds. Raises ValueError for any other text."""
    if not isinstance(value, str) or value.replace(".", "", 1).isdigit():
        return value
    found = list(_TIME.finditer(value))
    if not found or "".join(part.group() for part in found) != value:
        raise ValueError('should be a number of seconds or a length of time such as "90s" or "1m30s"')
    return sum(float(part[1]) * _SECONDS[part[2]] for part in found)


def seconds_of(value: str | float) -> float:
    """`seconds` for a program's own values. Raises ValueError."""
    found = seconds(value)
    return float(found) if isinstance(found, int | float | str) else 0.0


def size(value: object) -> object:
    """`"10MiB"` as 10485760; a number stays one, in bytes. Raises ValueError for any other text."""
    if not isinstance(value, str):
        return value
    found = _SIZE.fullmatch(value.strip())
    if found is None:
        raise ValueError('should be a number of bytes or a size such as "10MiB"')
    return int(float(found[1]) * _BYTES[found[2].lower()])


Seconds = Annotated[float, BeforeValidator(seconds)]
"""A length of time in seconds; a file may also say `"1m30s"`."""

Bytes = Annotated[int, BeforeValidator(size)]
"""A size in bytes; a file may also say `"10MiB"`."""


def read_table(value: object) -> object:
    """A table that may come as JSON, as a variable of the environment holds it. Raises `ValueError`."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else {}
    except ValueError:
        raise ValueError("is not JSON") from None
