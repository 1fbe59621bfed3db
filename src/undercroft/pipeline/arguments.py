"""The arguments of a function: texts of a URL or a form, or JSON, made into what its Python declares."""

from __future__ import annotations

import types
from collections.abc import Collection, Mapping
from dataclasses import is_dataclass
from typing import Annotated, Any, Union, get_args, get_origin

import msgspec
from pydantic import BaseModel, ValidationError

from undercroft.base.faults import Fault
from undercroft.models.functions import Function
from undercroft.query.values import ValueFault, read_array

_TEXTS = (str, bytes)


def read_arguments(function: Function, given: Mapping[str, Any], *, texts: bool) -> dict[str, Any]:
    """The values to call the function with. `texts` says that they came as texts.

    A text for a list is an array literal as PostgreSQL writes it, `{1,2}`, or JSON; for an object it is JSON.

    Raises:
        Fault: 22P02 for a value of another type, with the argument's name.
    """
    fields = function.arguments.model_fields
    values = dict(given)
    if texts:
        values = {name: _from_text(name, value, fields[name].annotation) for name, value in values.items()}
    try:
        checked = function.arguments.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        raise _refused(".".join(str(part) for part in first["loc"]), first["msg"], function.name) from None
    return {name: getattr(checked, name) for name in fields}


def _from_text(name: str, text: Any, annotation: Any) -> Any:
    kinds = {_kind(member) for member in _members(annotation)}
    if not isinstance(text, str) or "plain" in kinds:
        return text
    try:
        if kinds == {"list"} and text.lstrip().startswith("{"):
            return read_array(text)
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, ValueFault):
        wanted = "an array, as in {1,2} or [1,2]" if "list" in kinds else "JSON"
        raise _refused(name, f"Input should be {wanted}") from None


def _members(annotation: Any) -> list[Any]:
    """The types of a union, less None."""
    if get_origin(annotation) is Annotated:
        return _members(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return [inner for member in get_args(annotation) for inner in _members(member) if inner is not type(None)]
    return [annotation]


def _kind(annotation: Any) -> str:
    """Whether a type takes a list, an object, or one plain value."""
    cls = get_origin(annotation) or annotation
    if not isinstance(cls, type):
        return "plain"
    # A TypedDict takes no class checks, and there are two makers of them.
    if hasattr(cls, "__required_keys__") or is_dataclass(cls) or issubclass(cls, (Mapping, BaseModel)):
        return "object"
    return "list" if issubclass(cls, Collection) and not issubclass(cls, _TEXTS) else "plain"


def _refused(place: str, why: str, function: str | None = None) -> Fault:
    details = f"of the function {function}" if function else None
    return Fault(f"invalid argument {place}: {why}", code="22P02", details=details)
