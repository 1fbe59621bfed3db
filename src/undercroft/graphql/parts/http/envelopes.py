"""What messages come in: a JSON body of one or of several, or the parameters of a URL.

Protocol: the GraphQL over HTTP draft, "Request"; a list of messages is Apollo's way of batching.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from undercroft.base.json_bounds import exact_number, is_deeper
from undercroft.graphql.errors import LimitFault, MessageFault

_PARAMETERS = frozenset({"query", "variables", "operationName", "extensions"})
_MOST_PARAMETERS = 100


class Envelope(msgspec.Struct, frozen=True, rename={"operation": "operationName"}):
    """One message as it was sent; members that are not known are left alone."""

    query: str | None = None
    variables: dict[str, Any] | None = None
    operation: str | None = None
    extensions: dict[str, Any] | None = None


_BODIES = msgspec.json.Decoder(Envelope | list[Envelope], float_hook=exact_number)
_OBJECTS = msgspec.json.Decoder(dict[str, Any], float_hook=exact_number)


def read_body(body: bytes, *, depth: int, batch: int) -> Envelope | list[Envelope]:
    """The message, or the messages, of a body. Raises `MessageFault` for what is none, `LimitFault` for one that is
    nested too deep, and for too many.
    """
    found: Envelope | list[Envelope] = _decoded(_BODIES, body, "The body")
    envelopes = found if isinstance(found, list) else [found]
    if not envelopes:
        raise MessageFault("A batch has at least one message")
    if len(envelopes) > batch:
        raise LimitFault(f"A batch has at most {batch} messages" if batch else "No lists of messages are taken here")
    if body.count(b"[") + body.count(b"{") > depth:
        for each in envelopes:
            _check_depth(each, depth)
    return found


def read_parameters(query: bytes, *, depth: int) -> Envelope:
    """The message of a URL's query; parameters that are not known are left alone.

    Raises `MessageFault`, and `LimitFault` where it is nested too deep.
    """
    try:
        text = query.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        raise MessageFault("The parameters of the URL cannot be read") from None
    given: dict[str, str] = {}
    for name, value in pairs:
        if name in given:
            raise MessageFault(f"The parameter {name} is given twice")
        if name in _PARAMETERS:
            given[name] = value
    envelope = Envelope(
        given.get("query"),
        _object(given, "variables"),
        given.get("operationName") or None,
        _object(given, "extensions"),
    )
    _check_depth(envelope, depth)
    return envelope


def _object(given: Mapping[str, str], name: str) -> dict[str, Any] | None:
    text = given.get(name, "").strip()
    return None if text in ("", "null") else _decoded(_OBJECTS, text.encode(), f"The parameter {name}")


def _decoded(decoder: msgspec.json.Decoder[Any], body: bytes, what: str) -> Any:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise MessageFault(
            f"{what} is no message of GraphQL",
            details=str(error),
            hint='Send {"query": "…", "variables": {…}, "operationName": "…"}.',
        ) from None
    except (msgspec.DecodeError, RecursionError, ValueError, ArithmeticError):
        raise MessageFault(f"{what} is not valid JSON") from None


def _check_depth(envelope: Envelope, most: int) -> None:
    if is_deeper(envelope.variables, most) or is_deeper(envelope.extensions, most):
        raise LimitFault(f"JSON may be nested at most {most} deep")
