"""Values on their way to PostgreSQL and back, in its text format.

A parameter is sent without a type, so that the statement decides it: `$1::bigint`, or the column that it is compared
with. A result is told by the OID of its type; what is not known here stays the text that PostgreSQL writes.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from undercroft.engine.errors import DatabaseFault

Loads = Callable[[bytes], Any]
BAD_ENCODING = "22021"


def dumped(args: Sequence[object]) -> list[bytes | None]:
    """Parameters in text format. Raises `DatabaseFault` 22021 for a text that PostgreSQL cannot hold."""
    return [_text(value) if type(value) is str else _dump(value) for value in args]


def _text(value: str) -> bytes:
    try:
        encoded = value.encode()
    except UnicodeEncodeError as error:
        raise DatabaseFault("invalid byte sequence for encoding UTF8", code=BAD_ENCODING) from error
    if b"\0" in encoded:  # libpq would send what stands before it, and nothing of the rest
        raise DatabaseFault("invalid byte sequence for encoding UTF8", code=BAD_ENCODING)
    return encoded


def _dump(value: object) -> bytes | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return b"true" if value else b"false"
    if isinstance(value, bytes | bytearray | memoryview):
        return b"\\x" + bytes(value).hex().encode()
    if isinstance(value, list | tuple):
        return _array(value)
    if isinstance(value, dict):
        return _text(json.dumps(value, ensure_ascii=False, separators=(",", ":")))
    if (
        isinstance(value, int) and value.bit_length() > 10_000
    ):  # more digits than Python writes out, or any column holds
        raise DatabaseFault("numeric out of range", code="22003")
    return _text(str(value))


def _array(values: Sequence[object]) -> bytes:
    """A list as an array's text."""
    return b"{" + b",".join(map(_element, values)) + b"}"


def _element(value: object) -> bytes:
    if isinstance(value, list | tuple):
        return _array(value)
    encoded = _text(value) if isinstance(value, str) else _dump(value)
    if encoded is None:
        return b"NULL"
    return b'"' + encoded.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


# --- results ---


def _bytea(value: bytes) -> bytes:
    return bytes.fromhex(value[2:].decode())


def _is_true(value: bytes) -> bool:
    return value == b"t"


def _decimal(value: bytes) -> Decimal:
    return Decimal(value.decode())


_BY_TYPE: Mapping[int, Loads] = {
    16: _is_true,
    17: _bytea,
    20: int,
    21: int,
    23: int,
    26: int,
    700: float,
    701: float,
    1700: _decimal,
}
"""By OID (PostgreSQL's pg_type.dat, which never changes one): bool, bytea, int8, int2, int4, oid, float4, float8,
numeric."""


def loads_of(result: Any) -> tuple[Loads, ...]:
    """How to read the columns of a result."""
    return tuple(_BY_TYPE.get(result.ftype(index), bytes.decode) for index in range(result.nfields))


def row_of(result: Any, index: int, loads: Sequence[Loads]) -> tuple[Any, ...]:
    """One row of a result."""
    get = result.get_value
    return tuple([None if (value := get(index, column)) is None else load(value) for column, load in enumerate(loads)])


def rows_of(result: Any, loads: Sequence[Loads]) -> list[tuple[Any, ...]]:
    """Every row of a result."""
    return [row_of(result, index, loads) for index in range(result.ntuples)]
