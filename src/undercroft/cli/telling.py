"""How the command line speaks: faults as one friendly block on standard error, and a little colour on a terminal.

Plain text, not rich: a start should not wait for a library that draws.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO

from undercroft.base.faults import Fault
from undercroft.base.harmless import harmless

if TYPE_CHECKING:
    from collections.abc import Iterable

WRONG = 2
"""The exit status for a wrong app file, setting, argument or data directory."""
_LINES = "\n\t"
_STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}


def paint(text: str, style: str, stream: TextIO) -> str:
    """The text in a colour, where `stream` is a terminal and nobody set NO_COLOR."""
    if not stream.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m"


def say(text: str = "") -> None:
    """A line on standard output."""
    print(text, flush=True)  # noqa: T201  # a command line speaks


def warn(text: str) -> None:
    """A line on standard error."""
    print(f"{paint('note:', 'yellow', sys.stderr)} {text}", file=sys.stderr, flush=True)  # noqa: T201


def say_json(value: Any) -> None:
    """A value for scripts, on standard output; JSON's own escapes stand for what a terminal would obey."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
    say("".join(char if char == "\n" or char.isprintable() else json.dumps(char)[1:-1] for char in text))


def tell_fault(fault: Fault, *, as_json: bool = False) -> None:
    """What is wrong, where, and what to do: one block on standard error (for scripts: JSON on standard output)."""
    place, excerpt = getattr(fault, "place", None), getattr(fault, "excerpt", "")
    if as_json:
        body = {"code": fault.code, "message": fault.message, "details": fault.details, "hint": fault.hint}
        say_json({"error": {**body, "place": place}})
        return
    err = sys.stderr
    lines = [f"{paint('error:', 'red', err)} {paint(harmless(fault.message, keep=_LINES), 'bold', err)}"]
    if place:
        lines += [f"  in {paint(str(place), 'cyan', err)}", "", *excerpt.splitlines(), ""]
    details = fault.details if isinstance(fault.details, list | tuple) else [fault.details] if fault.details else []
    lines += [f"  - {harmless(str(each), keep=_LINES)}" for each in details if str(each) not in fault.message]
    if fault.hint:
        lines.append(f"{paint('hint:', 'green', err)} {harmless(fault.hint, keep=_LINES)}")
    print("\n".join(lines), file=err, flush=True)


def columns(rows: Iterable[tuple[str, ...]], indent: str = "  ") -> list[str]:
    """Rows of short texts as lines, each column as wide as its widest; whoever wrote the texts, a line stays one."""
    rows = [tuple(harmless(text) for text in row) for row in rows]
    if not rows:
        return []
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [
        (indent + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True))).rstrip()
        for row in rows
    ]
