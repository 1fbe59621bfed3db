"""Defaults and CHECKs from one engine's words to the other's: what is common to both, and a few habits of either.

Nothing is guessed: what is not known here gives None for a default, and a CHECK is tried on the target before it is
made.
"""

from __future__ import annotations

import re

from undercroft.catalog.kinds import TEXTS, Kind

_CAST = re.compile(
    r"::(?:\"[^\"]+\"|[a-z_][\w.]*(?: (?:varying|precision|with(?:out)? time zone))?)(?:\(\d+(?:,\s*\d+)?\))?(?:\[\])?"
)
_ANY = re.compile(r"= ANY \(\(?ARRAY\[(.*?)\]\)?\)", re.DOTALL)
_STRING = re.compile(r"'(?:[^']|'')*'")
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?", re.ASCII)
_NOW = ("now()", "current_timestamp", "transaction_timestamp()", "(now() at time zone 'utc')")
_MOMENTS = "strftime('%y-%m-%d"
_BLOB = re.compile(r"[xX]'[0-9a-fA-F]*'")
_DOUBLE = re.compile(r'"(?:[^"]|"")*"')
_POSTGRES_NOW = {
    Kind.TIMESTAMPTZ: "now()",
    Kind.TIMESTAMP: "(now() AT TIME ZONE 'UTC')",
    Kind.DATE: "(now() AT TIME ZONE 'UTC')::date",
    Kind.TIME: "(now() AT TIME ZONE 'UTC')::time",
}
"""SQLite's clock is at UTC."""
_SPELLED = {
    "current_timestamp": "to_char((now() AT TIME ZONE 'UTC'), 'YYYY-MM-DD HH24:MI:SS')",
    "current_date": "to_char((now() AT TIME ZONE 'UTC'), 'YYYY-MM-DD')",
    "current_time": "to_char((now() AT TIME ZONE 'UTC'), 'HH24:MI:SS')",
}
"""The same as texts."""
_SAME = {"datetime('now')": "current_timestamp", "date('now')": "current_date", "time('now')": "current_time"}
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
    if bare.lower() == "((now() at time zone 'utc'))":
        return _SQLITE_NOW.get(kind)
    if bare in _SPELLED.values():
        return next(word.upper() for word, spelled in _SPELLED.items() if spelled == bare)
    if bare.lower() in ("true", "false"):
        return str(int(bare.lower() == "true"))
    return bare if _is_literal(bare) else None


def default_on_sqlite(text: str) -> str:
    """A default as SQLite tells it, as it stands in a table's declaration."""
    told = _is_literal(text) or _BLOB.fullmatch(text) or _DOUBLE.fullmatch(text) or text.lower().startswith("current_")
    return text if told else f"({text})"


def default_for_postgres(text: str, kind: Kind) -> str | None:
    """A default of SQLite's in PostgreSQL's words; None where there are none."""
    bare = text.strip()
    said = bare.lower()
    said = _SAME.get(said, said)
    if said in _SPELLED:
        return _SPELLED[said] if kind in TEXTS else _POSTGRES_NOW.get(kind)
    if said.startswith(_MOMENTS):
        return _POSTGRES_NOW.get(kind)
    if kind is Kind.BYTES and _BLOB.fullmatch(bare):
        return f"'\\x{bare[2:-1]}'"
    if _DOUBLE.fullmatch(bare):  # a text, since no name can stand in a default
        inner = bare[1:-1].replace('""', '"').replace("'", "''")
        bare = f"'{inner}'"
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
