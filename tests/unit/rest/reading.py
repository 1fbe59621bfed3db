"""One request read, for tests: from a query string to the ask and its values."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from undercroft.base.faults import Fault
from undercroft.query.ask import Ask, ReadAsk, WriteAsk
from undercroft.rest.parts.asks import Parsed
from undercroft.rest.parts.limits import Limits
from undercroft.rest.request import Reader, RestRequest

Headers = list[tuple[bytes, bytes]]


class Told(NamedTuple):
    """What a fault says."""

    code: str
    message: str
    details: object


def shaped(
    query: str, method: str = "GET", headers: Headers | None = None, path: str = "/things", limits: Limits | None = None
) -> RestRequest:
    return Reader(limits or Limits(), ("public", "api")).shape(method, path.encode(), query.encode(), headers or [])


def parsed(
    query: str, method: str = "GET", headers: Headers | None = None, columns: tuple[str, ...] = (), **more: str
) -> Parsed:
    reader = Reader(Limits(), ("public", "api"))
    request = reader.shape(method, more.get("path", "/things").encode(), query.encode(), headers or [])
    return reader.parse(request, columns)


def ask(query: str) -> Ask:
    """The ask of a read."""
    read = parsed(query).ask
    assert isinstance(read, ReadAsk)
    return read.ask


def write(query: str, method: str, headers: Headers | None = None, columns: tuple[str, ...] = ()) -> WriteAsk:
    found = parsed(query, method, headers, columns).ask
    assert isinstance(found, WriteAsk)
    return found


def refused(query: str, method: str = "GET", headers: Headers | None = None, limits: Limits | None = None) -> Told:
    """What the fault says that reading the request raises."""
    reader = Reader(limits or Limits(), ("public", "api"))
    with pytest.raises(Fault) as raised:
        reader.parse(reader.shape(method, b"/things", query.encode(), headers or []))
    return Told(raised.value.code, raised.value.message, raised.value.details)
