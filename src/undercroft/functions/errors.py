"""What this room refuses."""

from __future__ import annotations

from collections.abc import Iterable

from undercroft.base.faults import Fault, closest
from undercroft.functions.types import LONGEST_NAME


class FunctionFault(Fault):
    """A request that no function takes."""

    default_code = "UC404"


def unknown_function(name: str, known: Iterable[str] = ()) -> FunctionFault:
    """`known` are functions that the caller may know of. A name that none can have is told in part, and compared with
    nothing: that would take as long as the name is.
    """
    if len(name) > LONGEST_NAME:
        return FunctionFault(f"there is no function {name[:LONGEST_NAME]}...")
    near = closest(name, known)
    return FunctionFault(f"there is no function {name}", hint=f"Perhaps you meant {near}." if near else None)


def took_too_long(name: str, seconds: float) -> FunctionFault:
    """Its transaction, where there was one, has been undone."""
    return FunctionFault(f"the function {name} took longer than {seconds:g} seconds", code="57014")
