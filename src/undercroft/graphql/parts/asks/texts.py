"""Values of a document or of variables as the texts that slots hold: as the same question's URL would have them."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import msgspec

from undercroft.graphql.parts.asks.given import Number
from undercroft.graphql.parts.asks.refusals import bad_json, bad_value
from undercroft.graphql.parts.describing.described import ColumnField
from undercroft.query.values import write_array, write_list


def text_of(value: Any) -> str:
    """A scalar as a text. Raises `GraphqlFault` for a list or an object."""
    if isinstance(value, str):
        return str(value)
    if value is True or value is False:
        return "true" if value else "false"
    if isinstance(value, (int, Decimal)):
        return str(value)
    if isinstance(value, float):
        return repr(value)
    raise bad_value(json.dumps(value, default=str))


def text_for(field: ColumnField) -> Callable[[Any], str]:
    """How values for a column become texts; of an enumeration, in the database's words."""
    if field.enumeration is None:
        return text_of
    words = field.enumeration.words
    return lambda value: words.get(text_of(value), text_of(value))


def list_text(field: ColumnField) -> Callable[[Any], str]:
    """A list of values as `in` takes it."""
    text = text_for(field)
    return lambda value: write_list([text(each) for each in _members(value)])


def array_text(field: ColumnField) -> Callable[[Any], str]:
    """A list of values as an array; one value alone is a list of it."""
    text = text_for(field)
    return lambda value: write_array([None if each is None else text(each) for each in _members(value)])


def prefix_pattern(value: Any) -> str:
    """The pattern of all texts that begin with this one."""
    text = text_of(value)
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"


def _members(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def payload_value(type_: str, value: Any, *, many: bool = False) -> Any:
    """A value that is written, as the body of a write has it: JSON is read out of its string.

    Raises `GraphqlFault` for a string that is no JSON.
    """
    if many and isinstance(value, list):
        return [payload_value(type_, each) for each in value]
    if type_ == "JSON" and isinstance(value, str):
        try:
            return _JSON.decode(value)
        except (msgspec.DecodeError, RecursionError, ValueError, ArithmeticError):
            raise bad_json() from None
    return Decimal(value) if isinstance(value, Number) else value


def _number(text: str) -> Decimal:
    number = Decimal(text)
    if abs(number.adjusted()) > _MOST_EXPONENT:
        raise ValueError(text)
    return number


_MOST_EXPONENT = 1_000
_JSON = msgspec.json.Decoder(float_hook=_number)
