"""What a function gives, other than rows of a table, as JSON: written as the same values are in rows."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
from pydantic import TypeAdapter
from pydantic_core import to_jsonable_python

_ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=to_jsonable_python)
_LARGEST = 2**63


def write_result(declared: TypeAdapter[Any], returned: Any) -> bytes:
    """The JSON of a result. Decimals are numbers with all their digits, moments have their zone, bytes are `\\x…`.

    Raises:
        PydanticSerializationError: for a result that is not of the type that the function declares.
    """
    return _ENCODER.encode(_shown(declared.dump_python(returned, warnings="error")))


def _shown(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _shown(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_shown(inner) for inner in value]
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (bytes, bytearray)):
        return "\\x" + value.hex()
    if type(value) is int and not -_LARGEST <= value < _LARGEST:
        return msgspec.Raw(str(value).encode())
    return value
