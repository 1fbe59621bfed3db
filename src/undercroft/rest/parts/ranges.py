"""limit, offset and the Range header: which rows of the result a caller wants."""

from __future__ import annotations

import re
from typing import NamedTuple

from undercroft.rest.errors import ParseFault, RangeFault, RequestFault, parse_fault

_RANGE = re.compile(rb"\s*(?:items=)?([0-9]{1,18})-([0-9]{1,18})?\s*")
_LONG = 18
_NUMBER = re.compile(r"[+-]?[0-9]{1,18}")
_BEGUN = re.compile(r"[+-]?([0-9]{0,18})")


class Rows(NamedTuple):
    """Skip `offset` rows, then give at most `limit`."""

    offset: int = 0
    limit: int | None = None


def read_number(name: str, text: str) -> int:
    """The value of a limit or offset parameter. Raises ParseFault for anything but an integer of up to 18 digits."""
    if len(text) < _LONG and text.isdecimal() and text.isascii():  # nearly always: a tenth of the pattern's cost
        return int(text)
    if not _NUMBER.fullmatch(text):
        raise _no_number(name, text)
    return int(text)


def embedded_number(name: str, text: str) -> str:
    """The value of an embed's limit or offset, which must not be negative (SQLSTATE 2201W, 2201X)."""
    number = read_number(name, text)
    if number < 0:
        word, code = ("LIMIT", "2201W") if name == "limit" else ("OFFSET", "2201X")
        raise RequestFault(f"{word} must not be negative", code=code)
    return str(number)


def root_rows(limit: str | None, offset: str | None, header: bytes | None) -> Rows:
    """What `limit`, `offset` and the Range header ask for together: the rows that are in both ranges.

    Raises RangeFault (PGRST103) where no row can be, other than by `limit=0`.
    """
    skip = read_number("offset", offset) if offset is not None else 0
    if skip < 0:
        raise RequestFault("OFFSET must not be negative", code="2201X")
    most = read_number("limit", limit) if limit is not None else None
    if most is not None and most < 0:
        raise RangeFault("Limit should be greater than or equal to zero.")
    found = _RANGE.fullmatch(header) if header is not None else None
    if not found or most == 0:
        return Rows(skip, most)
    first = int(found[1])
    last = int(found[2]) if found[2] is not None else None
    if last is not None and last < first:
        raise RangeFault(
            "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
        )
    ends = [end for end in (last, skip + most - 1 if most is not None else None) if end is not None]
    start = max(skip, first)
    if not ends:
        return Rows(start)
    if min(ends) < start:
        raise RangeFault("The Range header and the limit have no row in common.")
    return Rows(start, min(ends) - start + 1)


def beyond(offset: int, total: int) -> RangeFault:
    """The fault for an offset behind the last of `total` rows; raised when the total is known."""
    return RangeFault(f"An offset of {offset} was requested, but there are only {total} rows.", total)


def _no_number(name: str, text: str) -> ParseFault:
    found = _BEGUN.match(text)
    place, digits = (found.end(), len(found[1])) if found else (0, 0)
    expecting = "digit" if place == 0 else "end of input" if digits == _LONG else "digit or end of input"
    return parse_fault(f"{name} parameter", text, place, expecting)
