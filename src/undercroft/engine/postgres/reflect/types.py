"""The types of a database as ours: their kind, through arrays and domains, and how they are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from undercroft.catalog.kinds import Kind, Named
from undercroft.catalog.types import ObjectName, Representation
from undercroft.engine.postgres.reflect.facts import Oid, TypeFact, TypeFacts

_KINDS: Mapping[str, Kind] = {
    "bool": Kind.BOOLEAN,
    "int2": Kind.SMALLINT,
    "int4": Kind.INTEGER,
    "int8": Kind.BIGINT,
    "numeric": Kind.NUMERIC,
    "float4": Kind.REAL,
    "float8": Kind.DOUBLE,
    "text": Kind.TEXT,
    "bpchar": Kind.TEXT,
    "name": Kind.TEXT,
    "varchar": Kind.VARCHAR,
    "uuid": Kind.UUID,
    "date": Kind.DATE,
    "time": Kind.TIME,
    "timestamp": Kind.TIMESTAMP,
    "timestamptz": Kind.TIMESTAMPTZ,
    "interval": Kind.INTERVAL,
    "json": Kind.JSON,
    "jsonb": Kind.JSONB,
    "bytea": Kind.BYTES,
    "tsvector": Kind.TSVECTOR,
    "xml": Kind.XML,
}
_BY_SORT: Mapping[str, Kind] = {"e": Kind.ENUM, "c": Kind.COMPOSITE, "r": Kind.RANGE, "m": Kind.RANGE}
# A bare `character` or `bit` is one long when values are cast to it, and as long as they like in an argument.
_UNBOUNDED: Mapping[str, str] = {
    "character": "character varying",
    "bit": "bit varying",
    "character[]": "character varying[]",
    "bit[]": "bit varying[]",
}


@dataclass(frozen=True)
class Types:
    """All types by their number."""

    facts: TypeFacts

    @cached_property
    def by_oid(self) -> Mapping[Oid, TypeFact]:
        return {fact.oid: fact for fact in self.facts.types}

    @cached_property
    def representations(self) -> Mapping[Oid, Representation]:
        """By domain."""
        found: dict[Oid, dict[str, ObjectName]] = {}
        for cast in self.facts.casts:
            source, target = self.by_oid.get(cast.source), self.by_oid.get(cast.target)
            if source is None or target is None:
                continue
            domain, way = (source, f"to_{target.name}") if source.kind == "d" else (target, f"from_{source.name}")
            if way in ("to_json", "from_json", "from_text"):
                found.setdefault(domain.oid, {})[way] = ObjectName(cast.schema, cast.function)
        return {oid: Representation(**ways) for oid, ways in found.items()}

    def kind(self, oid: Oid) -> Kind:
        """The kind of a type; a domain has that of its base."""
        fact = self.bare(oid)
        if fact is None:
            return Kind.OTHER
        if fact.kind in _BY_SORT:
            return _BY_SORT[fact.kind]
        if fact.category == "A" and fact.element:
            return Kind.ARRAY
        return _KINDS.get(fact.name, Kind.OTHER) if fact.schema == "pg_catalog" else Kind.OTHER

    def bare(self, oid: Oid) -> TypeFact | None:
        """What lies below all domains."""
        fact = self.by_oid.get(oid)
        while fact is not None and fact.kind == "d":
            fact = self.by_oid.get(fact.base)
        return fact

    def is_domain(self, oid: Oid) -> bool:
        fact = self.by_oid.get(oid)
        return fact is not None and fact.kind == "d"

    def comments(self) -> dict[str, str]:
        """Those on enumerations, by the names of these."""
        return {fact.name: fact.comment for fact in self.facts.types if fact.comment is not None}

    def named(self, oid: Oid, spelled: str) -> Named:
        """A column's type; `spelled` is its name with its modifiers."""
        fact = self.bare(oid)
        return Named(spelled, self.kind(oid), (fact.words if fact is not None else None) or ())

    def spelled(self, oid: Oid) -> str:
        fact = self.by_oid.get(oid)
        return fact.spelled if fact is not None else "unknown"

    def bare_spelled(self, oid: Oid) -> str:
        """As it is written in SQL, without domains."""
        fact = self.bare(oid)
        return fact.spelled if fact is not None else "unknown"

    def argument_cast(self, oid: Oid) -> str:
        """As values of arguments are cast to it."""
        spelled = self.spelled(oid)
        return _UNBOUNDED.get(spelled, spelled)

    def relation_of(self, oid: Oid) -> Oid | None:
        """The table or composite type whose rows the type's values are."""
        fact = self.bare(oid)
        return fact.relation if fact is not None and fact.relation else None
