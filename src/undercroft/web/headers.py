"""Headers that an app's own code chooses: as they are sent, or refused (RFC 9110, 5.5)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from undercroft.web.types import Header

Headers = Mapping[str, str] | Iterable[tuple[str, str]]
"""As an app's code gives them: by name, or as pairs where a name is given twice."""

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_SERVER_S_OWN = frozenset({"connection", "content-length", "transfer-encoding"})


def header(name: str, value: str) -> Header:
    """A header as it is sent. Raises `ValueError` for what could not be one, such as a value with a line break."""
    if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
        raise ValueError(f"the header {name!r} cannot be sent: it holds a character that no header may hold")
    if name.lower() in _SERVER_S_OWN:
        raise ValueError(f"the header {name} is the server's own")
    return name.lower().encode(), value.encode("latin-1")


def headers(given: Headers, defaults: Iterable[Header] = ()) -> tuple[Header, ...]:
    """What was given, and of the defaults those whose names were not. Raises as `header` does."""
    own = [header(name, value) for name, value in pairs(given)]
    names = {name for name, _ in own}
    return (*own, *(pair for pair in defaults if pair[0] not in names))


def pairs(given: Headers) -> list[tuple[str, str]]:
    """Names and values, in their order."""
    return list(given.items() if isinstance(given, Mapping) else given)
