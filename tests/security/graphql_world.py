"""The world of this ring by GraphQL: what its API is for somebody, and what is called how there."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from typing import Any

from tests.api.scenario import Persona
from tests.security.expectations import MATRIX, May
from tests.security.world import TABLES, Base, make_app
from undercroft.access.policy import rules_of
from undercroft.access.scope import catalog_for
from undercroft.catalog.reader import mappers_of, read_catalog
from undercroft.graphql.parts.describing.described import Described
from undercroft.graphql.parts.describing.rights import rights_of
from undercroft.graphql.parts.describing.tables import Options, describe, outline

SETTINGS = {
    "UNDERCROFT_GRAPHQL_TOTAL_COUNT": "true",
    "UNDERCROFT_GRAPHQL_AGGREGATE": "true",
    "UNDERCROFT_GRAPHQL_MAX_COMPLEXITY": "100000000",
}
NUMBERED = ("teams", "seats", "notes", "tokens", "vaults", "labels", "remarks", "inbox")
"""Tables whose `id` the database gives: GraphQL does not take it in a write."""


def described(who: Persona) -> Described:
    """What the API is for somebody."""
    app = make_app()
    catalog = read_catalog(Base.metadata, mappers=mappers_of(Base))
    rules = rules_of(app.policies, app.column_rules)
    own = catalog_for(who.role or "anon", catalog, rules)
    return describe(
        outline(catalog, Options(total_count=True, aggregate=True)), own, rights_of(own, rules, who.role or "anon")
    )


def camel(name: str) -> str:
    """`owner_id` as GraphQL calls it."""
    return re.sub(r"_([a-z])", lambda found: found[1].upper(), name)


def pascal(name: str) -> str:
    """`note_labels` as GraphQL calls it."""
    return camel(name)[:1].upper() + camel(name)[1:]


def collection(table: str) -> str:
    return f"{camel(table)}Collection"


def key_columns(table: str) -> list[str]:
    return [column.name for column in TABLES[table].__table__.primary_key.columns]  # type: ignore[attr-defined]  # a Table


def columns(table: str) -> list[str]:
    return list(TABLES[table].__table__.c.keys())


def reads(who: Persona, table: str) -> frozenset[str]:
    """The columns that somebody may read; nothing where there is no key that they may read."""
    may = MATRIX[who.letter][table]
    if who.letter == "s":
        return frozenset(columns(table))
    readable = frozenset(may.reads) if may.select or table != "inbox" else frozenset()
    return readable if readable.issuperset(key_columns(table)) else frozenset()


def writes(who: Persona, table: str, verb: str) -> frozenset[str]:
    """The columns that somebody may insert or update."""
    may: May = MATRIX[who.letter][table]
    named = columns(table) if who.letter == "s" else may.inserts if verb == "insert" else may.updates
    if who.letter != "s" and not set(may.reads).issuperset(key_columns(table)):
        return frozenset()
    return frozenset(named) - ({"id"} if table in NUMBERED else set())


def token(*members: Any) -> str:
    """A nodeId."""
    return base64.b64encode(json.dumps(list(members)).encode()).decode()


def literal(value: Any) -> str:
    """A value as a document has it."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{name}: {literal(each)}" for name, each in value.items()) + "}"
    return json.dumps(value)
