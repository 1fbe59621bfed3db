"""What functions of the database have chosen for the answer: its status and headers, and errors of their own making.

Protocol: PostgREST's "transactions" and "errors" pages.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple

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
    # What is below 200 is no answer yet, and of what is above 599 servers make what they like.
    if not (text.isascii() and text.isdigit() and len(text) == 3 and "200" <= text <= "599"):
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
        message = msgspec.json.decode(fault.message, type=_Message)
    except msgspec.MsgspecError:
        return _unreadable(f"Invalid JSON value for MESSAGE: '{fault.message}'", _MESSAGE)
    if not fault.details:
        return _unreadable("DETAIL is missing in the RAISE statement", _DETAIL)
    try:
        detail = msgspec.json.decode(str(fault.details), type=_Detail)
    except msgspec.MsgspecError:
        return _unreadable(f"Invalid JSON value for DETAIL: '{fault.details}'", _DETAIL)
    told = Fault(message.message, code=message.code, details=message.details, hint=message.hint)
    return RaisedFault(told, detail.status, tuple(detail.headers.items()))


class _Message(msgspec.Struct):
    code: str
    message: str
    details: str | None = None
    hint: str | None = None


class _Detail(msgspec.Struct):
    status: Annotated[int, msgspec.Meta(ge=200, le=599)]
    headers: dict[str, str]
    status_text: str | None = None


_MESSAGE = "MESSAGE must be a JSON object with obligatory keys: 'code', 'message' and optional keys: 'details', 'hint'."
_DETAIL = "DETAIL must be a JSON object with obligatory keys: 'status', 'headers' and optional key: 'status_text'."


def _unreadable(details: str, hint: str) -> Fault:
    return Fault(
        "Could not parse JSON in the \"RAISE SQLSTATE 'PGRST'\" error", code="PGRST121", details=details, hint=hint
    )
