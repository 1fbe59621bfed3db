"""Where a token says which role it is for: PostgREST's path language, `.realm_access.roles[?(@ ^== "app_")][4:]`."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from undercroft.auth.errors import KeyFault

# https://docs.postgrest.org/en/stable/references/auth.html, "JWT Role Extraction"; names in brackets, `*` and tests
# without parentheses are those of JSONPath (RFC 9535).
_STEP = re.compile(
    r"""\.(?P<key>[A-Za-z0-9_$@]+) | \."(?P<quoted>[^"]+)" | \[(?P<mark>["'])(?P<named>.+?)(?P=mark)\]
      | (?P<all>\.\*|\[\*\]) | \[(?P<index>-?\d+)\] | \[(?P<start>-?\d*):(?P<stop>-?\d*)\]
      | \[\?(?P<open>\()?\s*@\s*(?P<test>==|!=|\^==|==\^|\*==)\s*(?P<q>["'])(?P<word>.*?)(?P=q)\s*(?(open)\))\]
      | \[\?\s*(?P<how>search|match)\(\s*@\s*,\s*(?P<s>["'])(?P<pattern>.*?)(?P=s)\s*\)\s*\]""",
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
        """The first value at this path, or None when there is none."""
        values = [claims]
        for step in self.steps:
            values = [found for value in values for found in _walked(step, value)]
        return values[0] if values else None


def role_path(text: str) -> RolePath:
    """Parse a path such as `.role` or `$.app_metadata.roles[0]`. Raises `KeyFault` with the place that is wrong."""
    steps, at = [], 1 if text.startswith("$") else 0
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None:
            raise KeyFault(f"[auth] jwt_role_claim: cannot read {text!r} at position {at + 1}", hint='".role" is usual')
        if step["how"] is not None:
            _check(text, step["pattern"])
        steps.append(step)
        at = step.end()
    if not steps:
        raise KeyFault("[auth] jwt_role_claim is empty", hint='".role" is usual')
    return RolePath(text, tuple(steps))


def _check(text: str, pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise KeyFault(f"[auth] jwt_role_claim: {text!r} has a pattern that cannot be read: {error}") from None


def _walked(step: re.Match[str], value: Any) -> list[Any]:
    """What a step leads to."""
    if (key := step["key"] or step["quoted"] or step["named"]) is not None:
        return [value[key]] if isinstance(value, dict) and key in value else []
    items = value if isinstance(value, list) else []
    if step["all"]:
        return list(value.values()) if isinstance(value, dict) else items
    if (index := step["index"]) is not None:
        return [items[int(index)]] if -len(items) <= int(index) < len(items) else []
    if (how := step["how"]) is not None:
        find = re.search if how == "search" else re.fullmatch
        return [item for item in items if isinstance(item, str) and find(step["pattern"], item)]
    if (test := step["test"]) is not None:
        return [item for item in items if isinstance(item, str) and _TESTS[test](item, step["word"])]
    start, stop = (int(part) if part else None for part in (step["start"], step["stop"]))
    if isinstance(value, str):
        return [value[start:stop]] if value[start:stop] else []
    return items[start:stop]
