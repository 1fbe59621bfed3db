r"""Python values as PostgreSQL reads them in texts: `true`, `\xdead`, `{a,"b c"}`."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

_PLAIN_MEMBER = re.compile(r'[^{}",\\\s]+')


def plain_text(value: Any) -> str | None:
    """One value as its type's input reads it."""
    match value:
        case None:
            return None
        case str():
            return value
        case bool():
            return "true" if value else "false"
        case bytes() | bytearray() | memoryview():
            return "\\x" + bytes(value).hex()
        case Decimal():
            return format(value, "f")
        case timedelta():
            return interval_text(value)
        case date() | time():
            return value.isoformat()
        case _:
            return str(value)


def interval_text(span: timedelta) -> str:
    """A span of time; days stay days, as PostgreSQL keeps them apart from hours."""
    return f"{span.days} days {span.seconds}.{span.microseconds:06} seconds"


def array_of(members: Sequence[Any], write: Callable[[Any], str | None]) -> str:
    """An array literal of the members' texts; lists within lists are further dimensions."""
    return "{" + ",".join(_member(member, write) for member in members) + "}"


def _member(member: Any, write: Callable[[Any], str | None]) -> str:
    if isinstance(member, (list, tuple)):
        return array_of(member, write)
    text = None if member is None else write(member)
    return "NULL" if text is None else quoted_member(text)


def quoted_member(text: str) -> str:
    """A text as a member of an array literal."""
    if _PLAIN_MEMBER.fullmatch(text) and text.upper() != "NULL":
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
