"""What this room refuses."""

from __future__ import annotations

from undercroft.base.faults import Fault


class FunctionFault(Fault):
    """A request that no function takes."""

    default_code = "UC404"


def unknown_function(name: str, near: str | None) -> FunctionFault:
    """`near` is a function that the caller may know of."""
    return FunctionFault(f"there is no function {name}", hint=f"Perhaps you meant {near}." if near else None)


def took_too_long(name: str, seconds: float) -> FunctionFault:
    """Its transaction, where there was one, has been undone."""
    return FunctionFault(f"the function {name} took longer than {seconds:g} seconds", code="57014")
