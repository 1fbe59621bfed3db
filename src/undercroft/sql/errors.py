"""What writing SQL, or turning a caller's text into a value, may refuse."""

from __future__ import annotations

from undercroft.base.faults import Fault


class ValueFault(Fault):
    """A text that is no value of the column's type: SQLSTATE class 22."""

    default_code = "22P02"


class NotSupported(Fault):
    """A construct that this engine does not have: refused by name, never answered differently."""

    default_code = "0A000"


def invalid_text(type_name: str, text: object) -> ValueFault:
    return ValueFault(f'invalid input syntax for type {type_name}: "{text}"')


def out_of_range(type_name: str, text: object) -> ValueFault:
    return ValueFault(f'value "{text}" is out of range for type {type_name}', code="22003")


def nul_in_text() -> ValueFault:
    return ValueFault(
        "unsupported Unicode escape sequence", code="22P05", details="\\u0000 cannot be converted to text."
    )


def not_supported(what: str, engine: str) -> NotSupported:
    return NotSupported(
        f"{what} is not supported on {engine}",
        hint="PostgreSQL has it: see the page on differences in the documentation.",
    )


def no_operator(type_name: str, operator: str) -> Fault:
    """What PostgreSQL says of an operator that a type does not have; so do we, on every engine."""
    return Fault(
        f"operator does not exist: {type_name} {operator} unknown",
        code="42883",
        hint="No operator matches the given name and argument types. You might need to add explicit type casts.",
    )


def null_in_key(column: str, table: str) -> Fault:
    """What PostgreSQL says of NULL in a primary key, also where the database would take it."""
    return Fault(f'null value in column "{column}" of relation "{table}" violates not-null constraint', code="23502")
