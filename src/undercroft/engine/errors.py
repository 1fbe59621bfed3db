"""What a database can refuse, as faults whose code is the SQLSTATE that PostgreSQL would give, on every engine."""

from __future__ import annotations

from typing import ClassVar

from undercroft.base.faults import Fault

UNIQUE = "23505"
FOREIGN_KEY = "23503"
NOT_NULL = "23502"
CHECK = "23514"
NO_SUCH_TARGET = "42P10"
"""ON CONFLICT on what is no key."""
RAISED = "P0001"
BAD_TEXT = "22P02"
OUT_OF_RANGE = "22003"
READ_ONLY = "25006"
ABORTED = "25P02"
SERIALIZATION = "40001"
DISK_FULL = "53100"
TOO_BIG = "54000"
DEADLOCK = "40P01"
LOCKED = "55P03"
CANCELED = "57014"
IO_ERROR = "58030"
CORRUPTED = "XX001"
INTERNAL = "XX000"

COLLISIONS = frozenset({SERIALIZATION, DEADLOCK})
"""Two transactions met: the one that was undone may succeed when it is run again."""


class DatabaseFault(Fault):
    """The database refused or failed; `code` is an SQLSTATE (PostgreSQL's appendix "Error Codes")."""

    default_code: ClassVar[str] = INTERNAL


def timed_out() -> DatabaseFault:
    """A statement, or a unit of work, ran into its time limit."""
    return DatabaseFault("canceling statement due to statement timeout", code=CANCELED)


def undone_with_neighbours() -> DatabaseFault:
    """A transaction that was fine was undone because it shared a commit with one that was not."""
    return DatabaseFault(
        "the transaction was undone together with another one",
        code=SERIALIZATION,
        hint="Nothing was written. Try again.",
        retry_after=1,
    )


def lease_over() -> DatabaseFault:
    """A transaction was used after its end or its time limit."""
    return DatabaseFault("the transaction is over: it ended, or its time limit passed", code=ABORTED)


def transaction_lost() -> DatabaseFault:
    """A unit of work, or a lease, ended the transaction that it was only a part of."""
    return DatabaseFault("the transaction was ended from within", code=INTERNAL)
