"""Preference-Applied: what of the Prefer header an answer has heeded, by the kind of request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from undercroft.rest.parts.prefer import Preferences

Kind = Literal["read", "insert", "update", "replace", "delete", "call"]

_WITH_RETURN = frozenset({"insert", "update", "replace", "delete"})
_WITH_MISSING = frozenset({"insert", "update"})
_WITH_MOST = frozenset({"update", "delete", "call"})


def applied(kind: Kind, preferences: Preferences, tx_override: bool, resolved: bool = True) -> bytes | None:
    """The header's value, in PostgREST's order, or None where nothing was preferred.

    `tx_override`: the setting lets a request choose how its transaction ends. `resolved`: the insert had a key on
    which to resolve duplicates.
    """
    words: list[str] = []
    if kind == "insert" and resolved and preferences.resolution:
        words.append(f"resolution={preferences.resolution}")
    if kind in _WITH_MISSING and preferences.missing:
        words.append(f"missing={preferences.missing}")
    if kind in _WITH_RETURN and preferences.returning:
        words.append(f"return={preferences.returning}")
    if preferences.count:
        words.append(f"count={preferences.count}")
    if tx_override and preferences.tx:
        words.append(f"tx={preferences.tx}")
    if preferences.handling:
        words.append(f"handling={preferences.handling}")
    if preferences.timezone:
        words.append(f"timezone={preferences.timezone}")
    if kind in _WITH_MOST and preferences.most_affected is not None:
        words.append(f"max-affected={preferences.most_affected}")
    return ", ".join(words).encode() if words else None
