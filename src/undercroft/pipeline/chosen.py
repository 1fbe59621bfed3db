"""What functions of the database have chosen for the answer: its status and headers, and errors of their own making.

Protocol: PostgREST's "transactions" and "errors" pages.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

from undercroft.base.faults import Fault

Header = tuple[str, str]


class Chosen(NamedTuple):
    """A status, where one was chosen, and headers over those of the answer."""

    status: int | None = None
    headers: tuple[Header, ...] = ()


NOTHING = Chosen()


class RaisedFault(Fault):
    """An error that a function of the database raised with a status, and headers, of its own."""

    def __init__(self, fault: Fault, status: int, headers: tuple[Header, ...] = ()) -> None:
        super().__init__(fault.message, code=fault.code, details=fault.details, hint=fault.hint)
        self.status = status
        self.headers = headers


def chosen_of(headers: str | None, status: str | None) -> Chosen:
    """The texts of `response.headers` and `response.status`, read.

    Raises `Fault` PGRST111 for headers, PGRST112 for a status, that are not written as they must be.
    """
    if headers is None and status is None:
        return NOTHING
    return Chosen(_status(status) if status is not None else None, _headers(headers) if headers is not None else ())


def _status(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) == 3):
        raise Fault("response.status guc must be a valid status code", code="PGRST112")
    return int(text)


def _headers(text: str) -> tuple[Header, ...]:
    wrong = Fault(
        "response.headers guc must be a JSON array composed of objects with a single key and a string value",
        code="PGRST111",
    )
    try:
        value = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise wrong from None
    if not isinstance(value, list) or not all(isinstance(each, dict) and len(each) == 1 for each in value):
        raise wrong
    found = tuple(pair for each in value for pair in each.items())
    if not all(isinstance(pair[1], str) for pair in found):
        raise wrong
    return found


def raised(fault: Fault) -> Fault:
    """The fault as its raiser meant it: `RAISE SQLSTATE 'PGRST'` tells it all, status and headers among it, in JSON.

    Any other fault comes back as it is.
    """
    if fault.code != "PGRST":
        return fault
    try:
        message, details = _object(fault.message, "MESSAGE"), _object(fault.details, "DETAIL")
        code, status = message["code"], int(details["status"])
        told = Fault(message["message"], code=code, details=message.get("details"), hint=message.get("hint"))
        return RaisedFault(told, status, tuple(details.get("headers", {}).items()))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return _unreadable(error)


def _object(text: object, where: str) -> dict[str, Any]:
    value = msgspec.json.decode(text) if isinstance(text, str) else None
    if not isinstance(value, dict):
        raise _Unreadable(where)
    return value


class _Unreadable(ValueError):
    """A part of the error that is not the JSON object which it should be."""


def _unreadable(error: Exception) -> Fault:
    where = str(error) if isinstance(error, _Unreadable) else None
    return Fault(
        "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error",
        code="PGRST121",
        details=f"Invalid JSON value for {where}" if where else "A key is missing, or is of another type",
        hint="DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'. "
        "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'.",
    )
