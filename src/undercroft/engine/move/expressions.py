"""Defaults and CHECKs from one engine's words to the other's: what is common to both, and a few habits of either.

Nothing is guessed: what is not known here gives None for a default, and a CHECK is tried on the target before it is
made.
"""

from __future__ import annotations

import re

from undercroft.catalog.kinds import Kind

_CAST = re.compile(
    r"::(?:\"[^\"]+\"|[a-z_][\w.]*(?: (?:varying|precision|with(?:out)? time zone))?)(?:\(\d+(?:,\s*\d+)?\))?(?:\[\])?"
)
_ANY = re.compile(r"= ANY \(\(?ARRAY\[(.*?)\]\)?\)", re.DOTALL)
_STRING = re.compile(r"'(?:[^']|'')*'")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_NOW = ("now()", "current_timestamp", "datetime('now')", "(datetime('now'))", "transaction_timestamp()")
_SQLITE_NOW = {
    Kind.TIMESTAMPTZ: "(strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now'))",
    Kind.TIMESTAMP: "(strftime('%Y-%m-%dT%H:%M:%f000', 'now'))",
    Kind.DATE: "CURRENT_DATE",
    Kind.TIME: "CURRENT_TIME",
}


def default_for_sqlite(text: str, kind: Kind) -> str | None:
    """A default of PostgreSQL's in SQLite's words; None where there are none."""
    bare = without_casts(text).strip()
    while bare.startswith("(") and bare.endswith(")") and _is_literal(bare[1:-1]):
        bare = bare[1:-1]
    if bare.lower() in ("current_date", "current_time", *_NOW):
        return _SQLITE_NOW.get(kind)
    if bare.lower() in ("true", "false"):
        return str(int(bare.lower() == "true"))
    return bare if _is_literal(bare) else None


def default_for_postgres(text: str, kind: Kind) -> str | None:
    """A default of SQLite's in PostgreSQL's words; None where there are none."""
    bare = text.strip()
    if bare.lower() in _NOW or bare.lower().lstrip("(").startswith("strftime("):
        return "now()"
    if bare.lower() in ("current_date", "current_time"):
        return bare
    if kind is Kind.BOOLEAN and bare.lower() in ("0", "1", "true", "false"):
        return "true" if bare.lower() in ("1", "true") else "false"
    return bare if _is_literal(bare) else None


def check_for_sqlite(text: str) -> str:
    """A CHECK of PostgreSQL's as SQLite may understand it."""
    return _ANY.sub(r"IN (\1)", without_casts(text))


def without_casts(text: str) -> str:
    """The same without `::type`, outside of string literals."""
    out, last = [], 0
    for found in _STRING.finditer(text):
        out += [_CAST.sub("", text[last : found.start()]), found[0]]
        last = found.end()
    # A cast stands after its literal, so the pieces are put together first and cut once more.
    whole = "".join([*out, _CAST.sub("", text[last:])])
    return whole


def _is_literal(text: str) -> bool:
    return bool(_STRING.fullmatch(text) or _NUMBER.fullmatch(text)) or text.lower() in ("null", "true", "false")
