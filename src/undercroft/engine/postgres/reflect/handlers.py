"""Media type handlers: domains whose name is a media type, and the aggregates and functions that give them.

Protocol: PostgREST, "media type handlers".
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from undercroft.catalog.kinds import Kind
from undercroft.catalog.types import Handler, ObjectName, Table
from undercroft.engine.postgres.reflect.facts import Oid, RoutineFact
from undercroft.engine.postgres.reflect.types import Types

_MEDIA = re.compile(r"[A-Za-z0-9][A-Za-z0-9.!#$&^_+-]*/[A-Za-z0-9][A-Za-z0-9.!#$&^_+-]*|\*/\*")
"""RFC 6838, 4.2; and every type."""
GEOJSON = "application/geo+json"
_ANY_ROW = frozenset({"anyelement", "anycompatible", "record"})


def media_of(types: Types, result: Oid) -> str | None:
    """The media type that a type stands for."""
    fact = types.by_oid.get(result)
    return fact.name.lower() if fact is not None and fact.kind == "d" and _MEDIA.fullmatch(fact.name) else None


def find_handlers(
    schema: str, routines: Iterable[RoutineFact], types: Types, table: Callable[[Oid], Table | None]
) -> Mapping[str, Mapping[str, Handler]]:
    """The handlers for what a schema shows: by table or function, and by media type."""
    found: dict[str, dict[str, Handler]] = defaultdict(dict)
    for each in types.facts.aggregates:
        media, argument = media_of(types, each.result), types.by_oid.get(each.argument)
        if media is None or argument is None:
            continue
        any_row = argument.name in _ANY_ROW and argument.schema == "pg_catalog"
        of = table(argument.relation) if argument.kind == "c" else None
        if any_row or (of is not None and of.schema == schema):
            binary = types.kind(each.result) is Kind.BYTES
            name = of.name if of is not None and not any_row else ""
            found[name].setdefault(media, Handler(media, ObjectName(each.schema, each.name), binary, any_row))
    for routine in routines:
        media = media_of(types, routine.result)
        if media is not None and routine.schema == schema:
            found[routine.name][media] = Handler(media, None, types.kind(routine.result) is Kind.BYTES)
    if types.facts.geojson is not None:
        features = Handler(GEOJSON, ObjectName(types.facts.geojson, "st_asgeojson"), any_row=True, features=True)
        found[""].setdefault(GEOJSON, features)
    return found
