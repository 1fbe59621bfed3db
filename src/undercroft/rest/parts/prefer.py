"""The Prefer header (RFC 7240) in PostgREST's vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from undercroft.query.ask import CountKind
from undercroft.rest.errors import PreferenceFault, shown

if TYPE_CHECKING:
    from collections.abc import Container

Resolution = Literal["merge-duplicates", "ignore-duplicates"]
Return = Literal["representation", "headers-only", "minimal"]

_WORDS: dict[str, tuple[str, str]] = {
    f"{name}={value}": (name, value)
    for name, values in {
        "resolution": ("merge-duplicates", "ignore-duplicates"),
        "return": ("representation", "headers-only", "minimal"),
        "count": ("exact", "planned", "estimated"),
        "tx": ("commit", "rollback"),
        "missing": ("default", "null"),
        "handling": ("strict", "lenient"),
    }.items()
    for value in values
}


@dataclass(frozen=True, slots=True)
class Preferences:
    """What a caller prefers; None where nothing was said. `shape` is the part that changes the ask, as one text."""

    resolution: Resolution | None = None
    returning: Return | None = None
    count: CountKind | None = None
    tx: Literal["commit", "rollback"] | None = None
    missing: Literal["default", "null"] | None = None
    handling: Literal["strict", "lenient"] | None = None
    timezone: str | None = None
    max_affected: int | None = None
    shape: str = ""

    def __hash__(self) -> int:  # it is part of the key of every answer's headers: equality tells the rest
        return hash(self.shape)

    @property
    def most_affected(self) -> int | None:
        """The number of rows that a write may touch; only `handling=strict` makes it binding."""
        return self.max_affected if self.handling == "strict" else None


NO_PREFERENCES = Preferences()


def read_prefer(header: bytes, timezones: Container[str] = ()) -> Preferences:
    """Read all Prefer headers, joined by commas. Of two answers to one question the first counts.

    Raises PreferenceFault (PGRST122) for an unknown preference, or time zone, under `handling=strict`.
    """
    said: dict[str, str] = {}
    unknown: list[str] = []
    for piece in header.decode("latin-1").split(","):
        word = piece.strip()
        known = _WORDS.get(word) or _open_ended(word, timezones)
        if known:
            said.setdefault(*known)
        elif word:
            unknown.append(word)
    if unknown and said.get("handling") == "strict":
        raise PreferenceFault(
            "Invalid preferences given with handling=strict",
            details=f"Invalid preferences: {shown(', '.join(unknown))}",
        )
    most = said.get("max-affected")
    shape = "|".join(
        (said.get("count", ""), said.get("return", ""), said.get("resolution", ""), said.get("missing", ""))
    )
    return Preferences(
        resolution=_pick(said, "resolution"),
        returning=_pick(said, "return"),
        count=_pick(said, "count"),
        tx=_pick(said, "tx"),
        missing=_pick(said, "missing"),
        handling=_pick(said, "handling"),
        timezone=said.get("timezone"),
        max_affected=int(most) if most is not None else None,
        shape=shape if shape != "|||" else "",
    )


def _pick(said: dict[str, str], name: str) -> Any:
    """The value, which `_WORDS` has narrowed to the literals of its field."""
    return said.get(name)


def _open_ended(word: str, timezones: Container[str]) -> tuple[str, str] | None:
    name, _, value = word.partition("=")
    if name == "max-affected" and value.isascii() and value.isdigit() and len(value) < 19:
        return name, value
    if name == "timezone" and value in timezones:
        return name, value
    return None
