"""PostgreSQL's errors as faults: its own SQLSTATE, with its words or with those of this house.

With this house's words no fault carries a value of a row, and they are those of the SQLite engine. Where the database
cannot be reached, the codes are PostgREST's (https://docs.postgrest.org/en/stable/references/errors.html, group 0).
"""

from __future__ import annotations

import re
from typing import Any

from psycopg import Error, pq

from undercroft.engine import errors as sqlstate
from undercroft.engine.errors import DatabaseFault, timed_out

CANNOT_CONNECT = "PGRST000"
CONNECTION_LOST = "PGRST001"
OUTCOME_UNKNOWN = "08007"
STATEMENT_GONE = "26000"
"""A prepared statement is missing: a pooler handed out another connection than the one it was prepared on."""
CHANGED_RESULT = "cached plan must not change result type"

_VALUE = re.compile(r"(invalid input syntax for type [\w ]+|invalid input value for enum [\w ]+)(?:: |$)")
"""What comes behind the type is a value, or a part of one."""
_BEYOND = re.compile(r'(?:value )?".*" is out of range for type ([\w ]+)', re.DOTALL)
_FIELD = pq.DiagnosticField
_KEY = re.compile(r"Key \((.*?)\)=\(.*\) (already exists|conflicts with)", re.DOTALL)
_RETRY_AFTER = {"40001": 1, "40P01": 1, "53100": 5, "53200": 5, "53300": 1, "55P03": 1, "58030": 5}
_GOING = frozenset({"25P03", "57P01", "57P02", "57P03", "57P05"})
"""The server is shutting down, has crashed, is starting up, or ended an idle session or transaction."""


def fault_of_result(result: Any, *, own_words: bool) -> DatabaseFault:
    """The fault that an error result tells."""

    def told(which: pq.DiagnosticField) -> str | None:
        value = result.error_field(which)
        return None if value is None else value.decode("utf-8", "replace")

    code = told(_FIELD.SQLSTATE)
    if code is None:
        return connection_lost()
    return fault(
        code,
        told(_FIELD.MESSAGE_PRIMARY) or "",
        told(_FIELD.MESSAGE_DETAIL),
        told(_FIELD.MESSAGE_HINT),
        own_words=own_words,
    )


def fault_of_error(error: BaseException, *, own_words: bool) -> BaseException:
    """The fault for an error of psycopg; anything else comes back as it is."""
    if not isinstance(error, Error):
        return error
    if error.sqlstate is None:
        return connection_lost() if error.diag.message_primary is None and _is_broken(error) else _unknown(error)
    diag = error.diag
    found = fault(
        error.sqlstate, diag.message_primary or "", diag.message_detail, diag.message_hint, own_words=own_words
    )
    found.__cause__ = error
    return found


def fault(code: str, message: str, detail: str | None, hint: str | None, *, own_words: bool) -> DatabaseFault:
    """The fault for what the server said."""
    if code == sqlstate.CANCELED and "statement timeout" in message:
        return timed_out()
    if code in _GOING:
        return DatabaseFault(message, code=code, retry_after=1)
    if own_words:
        message, detail = _in_own_words(code, message, detail)
    return DatabaseFault(message, code=code, details=detail, hint=hint, retry_after=_RETRY_AFTER.get(code))


def _in_own_words(code: str, message: str, detail: str | None) -> tuple[str, str | None]:
    if code == sqlstate.UNIQUE:
        found = _KEY.match(detail or "")
        return message, f"Key ({found[1]}) already exists." if found else None
    if code in (sqlstate.NOT_NULL, sqlstate.CHECK):
        return message, None  # the detail is the whole row
    if code == sqlstate.FOREIGN_KEY:
        return "insert, update or delete on table violates foreign key constraint", None
    if code == sqlstate.OUT_OF_RANGE and (found := _BEYOND.fullmatch(message)):
        return f"{found[1]} out of range", None
    if found := _VALUE.match(message):
        return found[1], None
    return message, detail


def cannot_connect(reason: str) -> DatabaseFault:
    """No connection can be made; `reason` is for the log, not for callers."""
    found = DatabaseFault("Database connection error. Retrying the connection.", code=CANNOT_CONNECT, retry_after=1)
    found.__cause__ = ConnectionError(reason)
    return found


def connection_lost() -> DatabaseFault:
    """The connection ended under a statement."""
    return DatabaseFault("Database client error. Retrying the connection.", code=CONNECTION_LOST, retry_after=1)


def aborted() -> DatabaseFault:
    """A statement had failed, and somebody went on as if it had not."""
    return DatabaseFault("a statement of the transaction had failed: nothing was written", code=sqlstate.ABORTED)


def outcome_unknown() -> DatabaseFault:
    """The connection ended under a COMMIT: nobody here can tell what became of it."""
    return DatabaseFault(
        "the connection was lost while the transaction was being committed",
        code=OUTCOME_UNKNOWN,
        details="It may or may not have been carried out.",
        retry_after=1,
    )


def is_lost(fault: BaseException) -> bool:
    """Whether the connection, not the statement, is what failed."""
    return isinstance(fault, DatabaseFault) and (fault.code in _GOING or fault.code == CONNECTION_LOST)


def is_stale(fault: BaseException) -> bool:
    """Whether a prepared statement is not what it was: the schema has changed, or a pooler stands in between."""
    if not isinstance(fault, DatabaseFault):
        return False
    return fault.code == STATEMENT_GONE or (fault.code == "0A000" and fault.message == CHANGED_RESULT)


def _is_broken(error: Error) -> bool:
    connection = error.pgconn
    return connection is None or connection.status != pq.ConnStatus.OK


def _unknown(error: Error) -> DatabaseFault:
    found = DatabaseFault("the database could not carry out the statement", code=sqlstate.INTERNAL)
    found.__cause__ = error
    return found
