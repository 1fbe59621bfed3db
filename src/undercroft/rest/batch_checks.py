"""What of a batch is refused before its transaction begins: nobody takes the writer for what he may not do.

What a request refers to is not known then. Names, rights and columns are, but for rows that a reference stands for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from undercroft.base.faults import Fault
from undercroft.pipeline.call import Caller
from undercroft.rest.errors import UrlTooLong
from undercroft.rest.parts.batches import Part
from undercroft.rest.parts.payload import read_payload, read_rows
from undercroft.rest.request import RestRequest
from undercroft.rest.routes import RestRoom
from undercroft.web.types import Request, as_received

if TYPE_CHECKING:
    from undercroft.rest.parts.limits import Limits

_WHATEVER_IS_WRITTEN = frozenset({"42501", "PGRST205"})
"""Codes that hold for a table and not for the columns of a row."""


def only_reads(shaped: RestRequest, caller: Caller) -> bool:
    """Whether a request writes nothing, whoever makes it."""
    if not shaped.function:
        return shaped.verb == "read"
    function = caller.functions.get(shaped.table)
    return shaped.verb == "read" or (function is not None and function.read_only)


def check_part(room: RestRoom, part: Part, shaped: RestRequest, request: Request, limits: Limits) -> None:
    """Raises the `Fault` that a request would have had alone, as far as that is known before it is carried out."""
    role = request.actor.role
    if not shaped.table:
        return
    if shaped.function:
        room.check_call(shaped, role, _arguments(part, shaped, limits))
    elif shaped.verb == "read":
        own = Request(part.method, part.path, part.query, list(part.headers), as_received(b""), request.body_limit)
        own.actor = request.actor
        room.check_read(shaped, own)
    else:
        _check_write(room, shaped, role, _columns(part, shaped, limits))


def check_length(part: Part, shaped: RestRequest, filled: RestRequest, limits: Limits) -> None:
    """Raises UrlTooLong where what was filled in makes more of a path than may be sent. Counted as bytes of UTF-8."""
    before = sum(_size(value) for value in _texts(shaped))
    after = sum(_size(value) for value in _texts(filled))
    if len(part.path) + len(part.query) + after - before > limits.url_bytes:
        raise UrlTooLong(f"The path and query may be at most {limits.url_bytes} bytes long")


def _check_write(room: RestRoom, shaped: RestRequest, role: str, columns: tuple[str, ...] | None) -> None:
    try:
        room.check_write(shaped, role, columns or ())
    except Fault as fault:
        if columns is not None or fault.code in _WHATEVER_IS_WRITTEN:
            raise


def _columns(part: Part, shaped: RestRequest, limits: Limits) -> tuple[str, ...] | None:
    """The columns of a body; None where references stand for rows."""
    value = part.body
    if shaped.verb == "delete":
        return ()
    if shaped.content != "json":
        return read_payload(shaped.content, _text(value), limits).columns
    if isinstance(value, str) or (isinstance(value, list) and any(isinstance(row, str) for row in value)):
        return None
    return read_rows(value, limits, uneven="columns" in shaped.key[5::2]).columns


def _arguments(part: Part, shaped: RestRequest, limits: Limits) -> dict[str, Any] | None:
    """The arguments of a call by name; None where they are not known, or are none."""
    value = part.body
    if shaped.verb == "read":
        return dict(shaped.arguments)
    if shaped.content != "json":
        rows = read_payload(shaped.content, _text(value), limits).rows
        return dict(rows[0]) if rows else {}
    if value is None:
        return {}
    return value if isinstance(value, dict) else None


def _text(value: Any) -> bytes:
    return value.encode("utf-8", "replace") if isinstance(value, str) else b""


def _texts(shaped: RestRequest) -> list[str]:
    return [*shaped.values, *(value for _, value in shaped.arguments)]


def _size(value: str) -> int:
    return len(value) if value.isascii() else len(value.encode("utf-8", "replace"))
