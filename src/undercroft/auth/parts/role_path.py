"""Where a token says which role it is for: PostgREST's path language, `.realm_access.roles[?(@ ^== "app_")][4:]`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from undercroft.auth.errors import KeyFault

# https://docs.postgrest.org/en/stable/references/auth.html, "JWT Role Extraction"
_STEP = re.compile(
    r"""\.(?P<key>[A-Za-z0-9_$@]+) | \."(?P<quoted>[^"]+)" | \[(?P<index>\d+)\]
      | \[\?\(@\s*(?P<test>==|!=|\^==|==\^|\*==)\s*"(?P<word>[^"]*)"\)\] | \[(?P<start>-?\d*):(?P<stop>-?\d*)\]""",
    re.VERBOSE,
)
_TESTS: dict[str, Callable[[str, str], bool]] = {
    "==": str.__eq__,
    "!=": str.__ne__,
    "^==": str.startswith,
    "==^": str.endswith,
    "*==": str.__contains__,
}


@dataclass(frozen=True, slots=True)
class RolePath:
    """A parsed path; `find` walks claims with it."""

    text: str
    steps: tuple[re.Match[str], ...]

    def find(self, claims: Any) -> Any:
        """The value at this path, or None when there is none."""
        value = claims
        for step in self.steps:
            value = _walked(step, value)
        return value


def role_path(text: str) -> RolePath:
    """Parse a path such as `.role` or `$.app_metadata.roles[0]`. Raises `KeyFault` with the place that is wrong."""
    steps, at = [], 1 if text.startswith("$") else 0
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            raise KeyFault(f"[auth] jwt_role_claim: cannot read {text!r} at position {at + 1}", hint='".role" is usual')
        steps.append(step)
        at = step.end()
    if not steps:
        raise KeyFault("[auth] jwt_role_claim is empty", hint='".role" is usual')
    return RolePath(text, tuple(steps))


def _walked(step: re.Match[str], value: Any) -> Any:
    if (key := step["key"] or step["quoted"]) is not None:
        return value.get(key) if isinstance(value, dict) else None
    if (index := step["index"]) is not None:
        return value[int(index)] if isinstance(value, list) and int(index) < len(value) else None
    if (test := step["test"]) is not None:
        texts = [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
        return next((item for item in texts if _TESTS[test](item, step["word"])), None)
    start, stop = (int(part) if part else None for part in (step["start"], step["stop"]))
    return (value[start:stop] or None) if isinstance(value, str) else None
