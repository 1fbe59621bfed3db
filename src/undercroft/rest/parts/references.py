"""References of a batch: texts that stand for a value of an earlier answer.

`$1.id` is the member `id` of the first request's answer, `$2.0.author.name` a member of the first row of the second's,
`$3` all that the third gave. Of a list without a position the first row is meant. A text that begins with `$` and means
itself is written with two.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from undercroft.rest.errors import BodyFault, TooLarge, shown
from undercroft.rest.parts.payload import read_json

if TYPE_CHECKING:
    from undercroft.rest.parts.limits import Limits

_REFERENCE = re.compile(r"\$([1-9][0-9]{0,5})((?:\.[^.]+)*)")
_BODIES = 8
"""The answers of a batch are held until the last one is there: together they are as long as so many bodies may be."""
_POSITION = re.compile(r"0|[1-9][0-9]{0,8}")
_ENCODER = msgspec.json.Encoder(decimal_format="number")


def written(value: Any) -> bytes:
    """A value as JSON, numbers with all their digits."""
    return _ENCODER.encode(value)


class Results:
    """What the requests of a batch have given so far."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._bodies: list[bytes | None] = []
        self._read: dict[int, Any] = {}
        self._sizes: dict[str, int] = {}
        self._taken = 0
        self._given = 0

    @property
    def number(self) -> int:
        """How many there are."""
        return len(self._bodies)

    def add(self, body: bytes, *, is_json: bool = True) -> None:
        """The answer of the next request. Raises TooLarge where they have become too long together."""
        self._given += len(body)
        if self._given > _BODIES * self._limits.body_bytes:
            most = _BODIES * self._limits.body_bytes
            raise TooLarge(f"The answers of a batch may together be at most {most} bytes long")
        self._bodies.append(body if is_json else None)

    def fill(self, value: Any) -> Any:
        """A JSON value with every text in it that is a reference replaced by what it stands for, of whatever type.

        Raises BodyFault (PGRST102) for one that leads nowhere, and TooLarge where they come to more than a body may be.
        """
        if isinstance(value, str):
            return self._meant(value) if value.startswith("$") else value
        if isinstance(value, list):
            return [self.fill(each) for each in value]
        if isinstance(value, dict):
            return {name: self.fill(each) for name, each in value.items()}
        return value

    def text(self, value: str) -> str:
        """The value of a filter or an argument of a path. Raises as `fill` does, and for what is no text."""
        if not value.startswith("$"):
            return value
        meant = self._meant(value)
        if meant is None or isinstance(meant, dict | list):
            raise BodyFault(
                f"{shown(value)} stands for null, a list or an object",
                hint="In a path, a reference stands for a text, a number, true or false.",
            )
        return meant if isinstance(meant, str) else written(meant).decode()

    def _meant(self, text: str) -> Any:
        if text.startswith("$$"):
            return text[1:]
        found = _REFERENCE.fullmatch(text)
        if found is None:
            raise BodyFault(f"{shown(text)} is no reference", hint="A text that begins with $ is written with two: $$.")
        number, path = int(found[1]), found[2].split(".")[1:]
        value = self._of(number, text)
        for name in path:
            value = _member(value, name, text)
        self._count(text, value)
        return value

    def _of(self, number: int, text: str) -> Any:
        """The answer of a request, by its number from 1."""
        if number > len(self._bodies):
            raise BodyFault(
                f"{shown(text)} refers to a request that does not come before this one",
                hint="A text that begins with $ and is no reference is written with two: $$.",
            )
        if number not in self._read:
            body = self._bodies[number - 1]
            if not body:
                raise BodyFault(
                    f"{shown(text)} refers to an answer without JSON",
                    hint="A write gives its rows with Prefer: return=representation.",
                )
            self._read[number] = read_json(body, self._limits)
        return self._read[number]

    def _count(self, text: str, value: Any) -> None:
        """References of one batch may come to as many bytes as a body may have: they repeat what they stand for."""
        if text not in self._sizes:
            self._sizes[text] = len(written(value))
        self._taken += self._sizes[text]
        if self._taken > self._limits.body_bytes:
            raise TooLarge(f"What references stand for may be at most {self._limits.body_bytes} bytes long")


def _member(value: Any, name: str, text: str) -> Any:
    """One step of a reference's path."""
    position = _POSITION.fullmatch(name)
    if isinstance(value, list) and position is None:
        value = value[0] if value else None
    if isinstance(value, list) and int(name) < len(value):
        return value[int(name)]
    if isinstance(value, dict) and name in value:
        return value[name]
    raise BodyFault(f"{shown(text)} leads nowhere", details=f"There is no {shown(name)} in it.")
