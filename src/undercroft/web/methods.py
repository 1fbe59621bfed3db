"""The methods that an app's own functions and pages take."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from undercroft.base.faults import Fault, SetupFault

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


class MethodFault(Fault):
    """What is there, and is asked for by another method than those that it takes."""

    default_code = "UC405"

    def __init__(self, what: str, methods: Collection[str]) -> None:
        self.allow = ", ".join(sorted({*methods, "HEAD"} if "GET" in methods else methods))
        super().__init__(f"{what} by {self.allow}")


def read_methods(given: Iterable[str], source: str) -> frozenset[str]:
    """Methods as an app file names them, one of them as a text. Raises `SetupFault` for others, and for none."""
    found = frozenset([given] if isinstance(given, str) else given)
    if not found or found - set(METHODS):
        raise SetupFault(f"{source}: methods are among {', '.join(METHODS)}")
    return found


def read_timeout(given: float | None, source: str) -> float | None:
    """Seconds as an app file gives them. Raises `SetupFault` for a time in which nothing can be done."""
    if given is not None and given <= 0:
        raise SetupFault(f"{source}: a timeout is longer than 0 seconds")
    return given


def takes(methods: Collection[str], method: str) -> bool:
    """Whether a method is one of them; HEAD comes with GET."""
    return method in methods or (method == "HEAD" and "GET" in methods)
