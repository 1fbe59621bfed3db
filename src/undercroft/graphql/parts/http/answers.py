"""Pieces of an answer that do not come out of a statement as they stand in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from undercroft.graphql.parts.describing.described import FunctionField

_STRINGS = frozenset({"BigInt", "BigFloat"})
_encode = msgspec.json.Encoder(decimal_format="string").encode


def word_text(text: str) -> str:
    """A text as JSON."""
    return _encode(text).decode()


def object_text(members: Sequence[tuple[str, str]]) -> str:
    """An object of members that are JSON already; their names are GraphQL names, which need no escape."""
    return "{" + ",".join([f'"{name}":{text}' for name, text in members]) + "}"


def step_text(members: Sequence[tuple[str, str]], type_: str, affected: int, records: str | None) -> str:
    """The answer to a write."""
    told = {"affectedCount": str(affected), "records": records or "[]", "__typename": word_text(type_)}
    return object_text([(key, told[name]) for key, name in members])


def scalar_text(field: FunctionField, body: bytes | None) -> str:
    """What a function gave, of a type that is no record: JSON in the form that its scalar has."""
    if body is None:
        return "null"
    text = body.decode()
    if text == "null":
        return text
    if field.type_ == "JSON" and not field.many:
        return word_text(text)
    if field.type_ in _STRINGS or field.type_ == "JSON":
        return _as_strings(text, many=field.many)
    return text


def members_of(text: str) -> Mapping[str, str]:
    """The members of an object, each as the JSON that it is."""
    found: dict[str, Any] = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
    return {name: bytes(raw).decode() for name, raw in found.items()}


def _as_strings(text: str, *, many: bool) -> str:
    if many:
        each: list[msgspec.Raw] = msgspec.json.decode(text, type=list[msgspec.Raw])
        return "[" + ",".join(_as_strings(bytes(raw).decode(), many=False) for raw in each) + "]"
    return text if text == "null" or text.startswith('"') else f'"{text}"'
