"""What is wrong with the settings, all of it at once, each with its place and what was probably meant."""

from __future__ import annotations

import re
from dataclasses import dataclass

from undercroft.base.faults import SetupFault

Path = tuple[str, ...]
"""A setting's name, part by part: `("auth", "email", "otp_length")`."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One wrong setting; `place` is `undercroft.toml:12` or the name of an environment variable."""

    place: str
    message: str
    hint: str | None = None

    def __str__(self) -> str:
        return f"{self.place}: {self.message}" + (f" ({self.hint})" if self.hint else "")


class SettingsFault(SetupFault):
    """The settings cannot be used; `problems` holds every reason found."""

    default_code = "UC002"

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = tuple(problems)
        lines = [str(problem) for problem in problems]
        first = lines[0] if len(lines) == 1 else "\n  ".join((f"{len(lines)} settings are wrong:", *lines))
        super().__init__(first, hint=problems[0].hint)


_HEADER = re.compile(r"^\s*\[+\s*([^\]\[]+?)\s*\]+")
_KEY = re.compile(r"^\s*([A-Za-z0-9_\-.\"' ]+?)\s*=")


def line_of(text: str, path: Path) -> int | None:
    """The line (from 1) on which a TOML text sets `path` or opens it as a table; None when written in another way."""
    table: Path = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = _parts(header[1])
            if table == path:
                return number
        elif (key := _KEY.match(line)) and (*table, *_parts(key[1])) == path:
            return number
    return None


def _parts(dotted: str) -> Path:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))
