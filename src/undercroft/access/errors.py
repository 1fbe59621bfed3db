"""What the guard refuses."""

from __future__ import annotations

from undercroft.base.faults import Fault, SetupFault


class PolicyFault(Fault):
    """The caller may not do this: SQLSTATE 42501, which is 403, or 401 for a caller without a token."""

    default_code = "42501"


def row_refused(table: str) -> PolicyFault:
    return PolicyFault(f'new row violates row-level security policy for table "{table}"')


def column_refused(table: str, column: str) -> PolicyFault:
    return PolicyFault(
        f'column "{column}" of relation "{table}" cannot be written',
        hint="Leave it out of the body: its value is set by the server.",
    )


def policy_strays(table: str) -> SetupFault:
    return SetupFault(
        f"the policy compares columns of {table} outside of a query",
        hint="Use the argument that the policy is given, as in post.published; "
        "put other tables into select() or exists().",
    )


def write_without_filter(verb: str) -> PolicyFault:
    word = verb.upper()
    return PolicyFault(
        f"{word} requires a WHERE clause",
        code="21000",
        hint="Add a filter to the URL; one that is true for every row, as id=not.is.null, says that all are meant.",
    )
