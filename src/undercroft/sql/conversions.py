"""Which type becomes which by a cast, and which aggregates a type has: PostgreSQL's rules, on every engine of an app.

Both are asked when a statement is written, before any row is read, so that no answer depends on the rows. Source:
PostgreSQL's catalogs pg_cast and pg_aggregate, of the oldest release that is supported.
"""

from __future__ import annotations

from undercroft.base.faults import Fault
from undercroft.catalog.kinds import FLOATS, INTEGERS, JSONS, NUMBERS, TEXTS, Kind
from undercroft.query.ask import Aggregate

CAST_NAMES: dict[str, Kind] = {
    **dict.fromkeys(("int", "int4", "integer"), Kind.INTEGER),
    **dict.fromkeys(("int2", "smallint"), Kind.SMALLINT),
    **dict.fromkeys(("int8", "bigint"), Kind.BIGINT),
    **dict.fromkeys(("text", "varchar", "character varying", "bpchar", "char", "name"), Kind.TEXT),
    **dict.fromkeys(("numeric", "decimal"), Kind.NUMERIC),
    **dict.fromkeys(("float", "float8", "double precision"), Kind.DOUBLE),
    **dict.fromkeys(("float4", "real"), Kind.REAL),
    **dict.fromkeys(("bool", "boolean"), Kind.BOOLEAN),
    **dict.fromkeys(("timestamptz", "timestamp with time zone"), Kind.TIMESTAMPTZ),
    **dict.fromkeys(("timestamp", "timestamp without time zone"), Kind.TIMESTAMP),
    **dict.fromkeys(("time", "time without time zone"), Kind.TIME),
    "uuid": Kind.UUID,
    "date": Kind.DATE,
    "interval": Kind.INTERVAL,
    "bytea": Kind.BYTES,
    "json": Kind.JSON,
    "jsonb": Kind.JSONB,
}
"""PostgreSQL's names of types, as casts use them."""

_CASTS: dict[Kind, frozenset[Kind]] = {
    **dict.fromkeys((Kind.SMALLINT, Kind.BIGINT, *FLOATS, Kind.NUMERIC), NUMBERS),
    Kind.INTEGER: NUMBERS | {Kind.BOOLEAN},
    Kind.BOOLEAN: frozenset({Kind.INTEGER}),
    Kind.DATE: frozenset({Kind.TIMESTAMP, Kind.TIMESTAMPTZ}),
    Kind.TIME: frozenset({Kind.INTERVAL}),
    Kind.TIMESTAMP: frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMPTZ}),
    Kind.TIMESTAMPTZ: frozenset({Kind.DATE, Kind.TIME, Kind.TIMESTAMP}),
    Kind.INTERVAL: frozenset({Kind.TIME}),
    Kind.JSON: JSONS,
    Kind.JSONB: JSONS | NUMBERS | {Kind.BOOLEAN},
    **dict.fromkeys((Kind.UUID, Kind.BYTES, Kind.ENUM), frozenset()),
}
"""What a type becomes beside itself and text. A text becomes anything that can be read from it."""
_ADDED_UP = NUMBERS | {Kind.INTERVAL}
_WITHOUT_ORDER = JSONS | {Kind.BYTES}


def cast_target(name: str) -> Kind:
    """The type that `::name` names. Raises `Fault` 42704."""
    kind = CAST_NAMES.get(" ".join(name.lower().split()))
    if kind is None:
        raise Fault(f'type "{name[:100]}" does not exist', code="42704")
    return kind


def check_cast(source: Kind, target: Kind) -> None:
    """Raises `Fault` 42846 where PostgreSQL has no such cast."""
    known = _CASTS.get(source)
    if known is not None and target not in (source, Kind.TEXT) and target not in known:
        raise Fault(f"cannot cast type {source.value} to {target.value}", code="42846")


def check_aggregate(function: Aggregate, kind: Kind) -> None:
    """Raises `Fault` 42883 where a type has no such aggregate."""
    known = _CASTS.keys() | TEXTS
    if function == "count" or kind not in known:
        return
    if (kind in _WITHOUT_ORDER) if function in ("min", "max") else (kind not in _ADDED_UP):
        raise Fault(
            f"function {function}({kind.value}) does not exist",
            code="42883",
            hint="No function matches the given name and argument types. You might need to add explicit type casts.",
        )


def sum_kind(kind: Kind) -> Kind:
    """The type of a sum: wide enough for many."""
    if kind in INTEGERS:
        return Kind.NUMERIC if kind is Kind.BIGINT else Kind.BIGINT
    return Kind.DOUBLE if kind in FLOATS else kind
