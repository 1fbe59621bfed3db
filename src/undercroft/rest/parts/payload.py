"""The body of a write: JSON, CSV or a form, as rows of named values."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

import msgspec

from undercroft.base.json_bounds import exact_number, is_deeper
from undercroft.rest.errors import BodyFault, TooLarge

if TYPE_CHECKING:
    from undercroft.rest.parts.limits import Limits
    from undercroft.rest.parts.media import BodyKind

Row = dict[str, Any]

NOT_JSON = "Empty or invalid json"
UNEQUAL_KEYS = "All object keys must match"
_DECODER = msgspec.json.Decoder(float_hook=exact_number)


@dataclass(frozen=True, slots=True)
class Payload:
    """Rows with the columns that each of them has, in the order of the first.

    JSON numbers with a fraction or an exponent are `Decimal`, so that none loses a digit; CSV and form values are
    texts. Where uneven rows are allowed, `columns` are those of the first. `single` tells that the body was one object
    and not a list.
    """

    columns: tuple[str, ...]
    rows: list[Row]
    single: bool = False


def read_payload(kind: BodyKind, body: bytes, limits: Limits, *, uneven: bool = False) -> Payload:
    """Read the body of an insert, update or upsert.

    `uneven` (there is a `columns` parameter, or the caller fills gaps himself) allows rows of different keys. Raises
    BodyFault (PGRST102), and TooLarge over the limits on bytes, rows, columns and nesting.
    """
    if len(body) > limits.body_bytes:
        raise TooLarge(f"The body may be at most {limits.body_bytes} bytes long")
    if kind == "csv":
        return _read_csv(body, limits)
    if kind == "form":
        return _read_form(body, limits)
    return read_rows(read_json(body, limits), limits, uneven)


def read_json(body: bytes, limits: Limits) -> Any:
    """Any JSON value. Raises BodyFault where it is none, or nested deeper than the limit."""
    try:
        value = _DECODER.decode(body)
    except (msgspec.DecodeError, RecursionError, ValueError, ArithmeticError):
        raise BodyFault(NOT_JSON) from None
    if body.count(b"[") + body.count(b"{") > limits.json_depth and is_deeper(value, limits.json_depth):
        raise TooLarge(f"JSON may be nested at most {limits.json_depth} deep")
    return value


def read_rows(value: Any, limits: Limits, uneven: bool) -> Payload:
    """As `read_payload`, of JSON that was read."""
    if isinstance(value, dict):
        return Payload(_columns(value, limits), [value], single=True)
    if not isinstance(value, list):
        return Payload((), [])
    if len(value) > limits.rows:
        raise TooLarge(f"A body may hold at most {limits.rows} rows")
    if not value:
        return Payload((), [])
    first = value[0]
    if not isinstance(first, dict):
        raise BodyFault(UNEQUAL_KEYS)
    keys = first.keys()
    for row in value:
        if not isinstance(row, dict) or (row.keys() != keys and not uneven):
            raise BodyFault(UNEQUAL_KEYS)
    return Payload(_columns(first, limits), value)


def _columns(row: Row, limits: Limits) -> tuple[str, ...]:
    if len(row) > limits.columns:
        raise TooLarge(f"A row may have at most {limits.columns} columns")
    return tuple(row)


def _read_csv(body: bytes, limits: Limits) -> Payload:
    """A header and rows (RFC 4180); the bare word NULL is null."""
    try:
        lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        header = next(lines, None)
        if not header:
            raise BodyFault("not enough input")
        columns = _columns(dict.fromkeys(header), limits)
        if len(columns) != len(header):
            raise BodyFault("A column is named twice in the first line")
        rows: list[Row] = []
        for line in lines:
            if not line:
                continue
            if len(line) != len(columns):
                raise BodyFault("All lines must have same number of fields")
            if len(rows) >= limits.rows:
                raise TooLarge(f"A body may hold at most {limits.rows} rows")
            rows.append({name: None if text == "NULL" else text for name, text in zip(columns, line, strict=True)})
    except csv.Error as error:
        raise BodyFault("Invalid CSV", details=str(error)) from None
    except UnicodeDecodeError:
        raise BodyFault("The body is not UTF-8") from None
    return Payload(columns, rows)


def _read_form(body: bytes, limits: Limits) -> Payload:
    """`a=1&b=2` as one row of texts; of a name that is given twice the last counts."""
    row: Row = dict(read_form(body))
    return Payload(_columns(row, limits), [row], single=True)


def read_form(body: bytes) -> list[tuple[str, str]]:
    """The names and texts of a form, in their order. Raises BodyFault (PGRST102)."""
    pairs = [piece.replace(b"+", b" ").partition(b"=") for piece in body.split(b"&") if piece]
    try:
        return [(unquote_to_bytes(name).decode(), unquote_to_bytes(value).decode()) for name, _, value in pairs]
    except UnicodeDecodeError:
        raise BodyFault("The body is not UTF-8") from None
