# ruff: noqa: S608  names and constants of ours
"""The caller's claims in PostgreSQL: what `access.claims` is in Python, as functions of the database.

A claim that is absent, null or of another type is NULL here as it is there. `sql.codecs` and `sql.scalars` say what is
of which type; these functions say the same to PostgreSQL. White space is trimmed by its ASCII characters only, and
dates are written with dashes: a claim in any other spelling is NULL to the database.
"""

from __future__ import annotations

from undercroft.access.asked import FUNCTIONS
from undercroft.access.claims import ClaimParameter
from undercroft.base.faults import SetupFault
from undercroft.catalog.kinds import FLOATS, INTEGERS, Kind, kind_of
from undercroft.sql.rls.texts import literal
from undercroft.sql.scalars import FALSE_WORDS, RANGES, TRUE_WORDS

_SPACE = r"E' \t\n\x0b\f\r\x1c\x1d\x1e\x1f'"
_DAY = r"\d{4}-\d{2}-\d{2}"
_CLOCK = r"[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d+)?)?"
_ZONE = r"(Z|[+-]\d{2}(:?[0-5]\d(:?[0-5]\d)?)?)"
_SHORTENED = r"replace(regexp_replace(t, '([.,]\d{6})\d+', '\1'), ',', '.')"
"""Microseconds are the least that there is: what is less is cut off, not rounded."""
_NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?$"
_UUID = "(?:[0-9a-f]{4}-?){7}[0-9a-f]{4}"


def _reader(name: str, gives: str, body: str, more: str = "") -> str:
    """A function that reads one claim, NULL where it cannot. `t` is the claim's text without the space around it."""
    return f"""
CREATE OR REPLACE FUNCTION {FUNCTIONS}.{name}(claim json{more}) RETURNS {gives} LANGUAGE plpgsql STABLE AS $body$
DECLARE t text := btrim({FUNCTIONS}.word(claim), {_SPACE});
BEGIN
    {body}
    RETURN NULL;
EXCEPTION WHEN OTHERS THEN RETURN NULL;
END $body$""".strip()


# PostgreSQL has no text with NUL in it and would refuse the claims as a whole: a mark takes its place, which is no
# character, and by which the claim that holds it is known.
READERS = (
    rf"""
CREATE OR REPLACE FUNCTION {FUNCTIONS}.claims() RETURNS json LANGUAGE sql STABLE AS $body$
SELECT regexp_replace(nullif(current_setting('request.jwt.claims', true), ''),
                      '(?<!\\)((\\\\)*)\\u0000', '\1\\ufffe', 'g')::json $body$
""".strip(),
    f"""
CREATE OR REPLACE FUNCTION {FUNCTIONS}.role() RETURNS text LANGUAGE sql STABLE AS $body$
SELECT coalesce({FUNCTIONS}.claims() ->> 'role', nullif(current_setting('role'), 'none'), session_user::text) $body$
""".strip(),
    f"""
CREATE OR REPLACE FUNCTION {FUNCTIONS}.word(claim json) RETURNS text LANGUAGE sql IMMUTABLE AS $body$
SELECT CASE WHEN json_typeof(claim) IN ('string', 'number', 'boolean') AND strpos(claim #>> '{{}}', chr(65534)) = 0
    THEN claim #>> '{{}}' END $body$
""".strip(),
    _reader(
        "as_whole",
        "bigint",
        "IF length(t) <= 1000 AND t ~ '^[+-]?[0-9]+$' AND t::numeric >= -size AND t::numeric < size"
        " THEN RETURN t::bigint; END IF;",
        ", size numeric",
    ),
    _reader(
        "as_boolean",
        "boolean",
        f"IF lower(t) IN ({', '.join(map(literal, sorted(TRUE_WORDS)))}) THEN RETURN true; END IF;\n"
        f"    IF lower(t) IN ({', '.join(map(literal, sorted(FALSE_WORDS)))}) THEN RETURN false; END IF;",
    ),
    _reader("as_decimal", "numeric", f"IF length(t) <= 1000 AND t ~ '{_NUMBER}' THEN RETURN t::numeric; END IF;"),
    _reader(
        "as_float",
        "double precision",
        f"IF t ~ '{_NUMBER}' OR t ~* '^[+-]?inf(inity)?$' THEN RETURN t::double precision; END IF;",
    ),
    _reader("as_uuid", "uuid", rf"IF t ~* '^({_UUID}|\{{{_UUID}\}})$' THEN RETURN t::uuid; END IF;"),
    _reader(
        "as_moment",
        "timestamptz",
        f"""IF t !~ '^{_DAY}({_CLOCK}{_ZONE}?)?$' THEN RETURN NULL; END IF;
    t := {_SHORTENED};
    IF t ~ '^{_DAY}$' THEN t := t || ' 00:00'; END IF;
    RETURN CASE WHEN t ~ '^{_DAY}{_CLOCK}{_ZONE}$' THEN t ELSE t || '+00' END::timestamptz;""",
    ),
    _reader(
        "as_local_moment",
        "timestamp",
        f"""IF t !~ '^{_DAY}({_CLOCK}{_ZONE}?)?$' THEN RETURN NULL; END IF;
    t := {_SHORTENED};
    RETURN CASE WHEN t ~ '^{_DAY}{_CLOCK}{_ZONE}$' THEN regexp_replace(t, '{_ZONE}$', '') ELSE t END::timestamp;""",
    ),
    _reader(
        "as_day",
        "date",
        rf"IF t ~ '^{_DAY}({_CLOCK}{_ZONE}?)?$' THEN RETURN substr(t, 1, 10)::date; END IF;",
    ),
)
"""What defines them, in order; the schema is there."""

_BY_KIND = {
    Kind.BOOLEAN: "as_boolean({0})",
    Kind.NUMERIC: "as_decimal({0})",
    Kind.UUID: "as_uuid({0})",
    Kind.TIMESTAMPTZ: "as_moment({0})",
    Kind.TIMESTAMP: "as_local_moment({0})",
    Kind.DATE: "as_day({0})",
    Kind.TEXT: "word({0})",
    Kind.VARCHAR: "word({0})",
    Kind.OTHER: "word({0})",
    **{kind: f"as_whole({{0}}, {RANGES[kind]})" for kind in INTEGERS},
    **dict.fromkeys(FLOATS, "as_float({0})"),
}


def claim_text(bind: ClaimParameter) -> str:
    """A claim as an SQL expression that is worked out once for each statement.

    Raises `SetupFault` for a type of which nothing is said here.
    """
    if bind.name == "role":
        return f"(SELECT {FUNCTIONS}.role())"
    path = "".join(f" -> {literal(step)}" for step in (("sub",) if bind.name == "uid" else bind.path))
    claim = f"{FUNCTIONS}.claims(){path}"
    if not bind.many:
        return f"(SELECT {_read(bind, claim)})"
    listed = f"(SELECT json_agg({_read(bind, 'm')}) FROM json_array_elements(c) AS m)"
    return f"(SELECT CASE json_typeof(c) WHEN 'array' THEN {listed} END FROM (SELECT {claim} AS c) AS claim)"


def _read(bind: ClaimParameter, claim: str) -> str:
    kind = kind_of(bind.type)
    if kind is Kind.ENUM:
        words = ", ".join(map(literal, getattr(bind.type, "enums", ())))
        return f"CASE WHEN {FUNCTIONS}.word({claim}) IN ({words}) THEN {FUNCTIONS}.word({claim}) END"
    form = _BY_KIND.get(kind)
    if form is None:
        raise SetupFault(f"a claim as {kind.value} cannot be told to row-level security")
    return f"{FUNCTIONS}.{form.format(claim)}"
