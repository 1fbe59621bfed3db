"""The names of all types and fields, found once for a whole catalog: what a role may see changes none of them.

Protocol: pg_graphql, "API" and "Configuration", for the names; what becomes of two that are the same is ours:
`docs/graphql.md` says it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from undercroft.catalog.kinds import Kind
from undercroft.catalog.types import Catalog, Column, Relation, Table
from undercroft.graphql.parts.describing.described import NODE_ID, Enumeration
from undercroft.graphql.parts.describing.directives import NOTHING, Directive, Directives
from undercroft.graphql.parts.describing.naming import (
    field_name,
    is_name,
    lower_first,
    own_name,
    type_name,
    upper_first,
    word_name,
)
from undercroft.graphql.parts.describing.operators import OPERATORS
from undercroft.graphql.parts.describing.scalars import words_of

AROUND = (
    "", "Connection", "Edge", "Filter", "OrderBy", "InsertInput", "InsertResponse", "UpdateInput", "UpdateResponse",
    "DeleteResponse", "Aggregate", "SumAggregateResult", "AvgAggregateResult", "MinAggregateResult",
    "MaxAggregateResult", "OnConflict", "Constraint", "UpdateColumn",
)  # fmt: skip
"""What follows the name of a table's type in the names of the others."""
_OF_ENUMERATIONS = ("", "Filter", "ListFilter")
_OURS = frozenset({
    "Query", "Mutation", "Subscription", "Node", "PageInfo", "Cursor", "FilterIs", "OrderByDirection", *OPERATORS,
    *(f"{scalar}Filter" for scalar in OPERATORS), *(f"{scalar}ListFilter" for scalar in OPERATORS),
})  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Names:
    """Names by what they stand for; what has none is not part of the API."""

    tables: Mapping[str, str]
    """The name of each table's type."""
    columns: Mapping[tuple[str, str], str]
    """By table and column; computed fields too."""
    relations: Mapping[str, Mapping[Relation, str]]
    """By the table that a relation starts at, in the order in which they were named."""
    enumerations: Mapping[tuple[str, str], Enumeration]
    """By table and column."""
    problems: tuple[str, ...] = ()
    """What has no name, and what to do about it."""


@dataclass(slots=True)
class _Namer:
    catalog: Catalog
    directives: Directives
    inflect: bool
    tables: dict[str, str] = field(default_factory=dict)
    columns: dict[tuple[str, str], str] = field(default_factory=dict)
    relations: dict[str, dict[Relation, str]] = field(default_factory=dict)
    enumerations: dict[tuple[str, str], Enumeration] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    taken: dict[str, str] = field(default_factory=dict)
    """Who has the name of a type."""
    collections: set[str] = field(default_factory=set)
    shared: dict[tuple[str, tuple[str, ...]], Enumeration] = field(default_factory=dict)

    # --- tables ---

    def name_tables(self) -> None:
        for name in sorted(self.catalog.tables):
            directive = self.directives.table(name)
            if directive.expose is False:
                continue
            told = directive.name or type_name(name, inflect=self.inflect)
            if not is_name(told):
                self.leave(f"table {name}", f"{told} is no name in GraphQL")
                continue
            clash = next((told + end for end in AROUND if told + end in _OURS or told + end in self.taken), None)
            if clash is not None:
                self.leave(f"table {name}", f"the type {clash} is {self.taken.get(clash, 'one of the protocol')}")
                continue
            if lower_first(told) in self.collections:
                self.leave(f"table {name}", f"another collection is called {lower_first(told)}Collection")
                continue
            self.taken |= {told + end: f"that of table {name}" for end in AROUND}
            self.collections.add(lower_first(told))
            self.tables[name] = told

    def leave(self, what: str, why: str) -> None:
        self.problems.append(
            f"{what} is left out of GraphQL: {why}; give it another name (`app.graphql`, or @graphql in its comment)"
        )

    # --- columns ---

    def name_columns(self) -> None:
        for name in self.tables:
            table = self.catalog.tables[name]
            taken = {NODE_ID, "__typename"}
            # Those with a name of their own come first: what is made of a column's name gives way to it.
            every = [*table.columns.values(), *table.computed.values()]
            for column in sorted(every, key=lambda each: self.directives.column(name, each.name).name is None):
                directive = self.directives.column(name, column.name)
                plain = column.name if column.function is None else column.name.removeprefix("_")
                told = directive.name or field_name(plain, inflect=self.inflect)
                if directive.expose is False:
                    continue
                if not is_name(told):
                    self.leave(f"column {name}.{column.name}", f"{told} is no name in GraphQL")
                elif told in taken:
                    self.leave(f"column {name}.{column.name}", f"another field is called {told}")
                else:
                    taken.add(told)
                    self.columns[name, column.name] = told

    # --- enumerations ---

    def name_enumerations(self) -> None:
        for name, column in list(self.columns):
            table = self.catalog.tables[name]
            found = table.columns.get(column) or table.computed[column]
            if found.kind is Kind.ENUM and words_of(found):
                self.enumerations[name, column] = self.enumeration(table, found)

    def enumeration(self, table: Table, column: Column) -> Enumeration:
        kind, words = enumeration_name(column), words_of(column)
        directive = self.directives.enumerations.get(kind or "", NOTHING)
        own = self.tables[table.name] + upper_first(self.columns[table.name, column.name])
        told = directive.name or (type_name(kind, inflect=self.inflect) if kind else own)
        before = self.shared.get((kind or own, words))
        if before is not None:
            return before
        told = next(
            each for each in (told, own, *(f"{own}{number}" for number in range(2, 10_000))) if self.is_free(each)
        )
        made = Enumeration(told, self.words(told, words, directive), directive.description)
        self.taken |= {told + end: f"that of {kind or own}" for end in _OF_ENUMERATIONS}
        self.shared[kind or own, words] = made
        return made

    def is_free(self, told: str) -> bool:
        """Whether an enumeration may have this name."""
        return is_name(told) and not any(told + end in _OURS or told + end in self.taken for end in _OF_ENUMERATIONS)

    def words(self, told: str, words: tuple[str, ...], directive: Directive) -> dict[str, str]:
        found: dict[str, str] = {}
        for word in words:
            name = directive.mappings.get(word, word)
            if word_name(name) != name:
                self.problems.append(
                    f"the value {word!r} of {told} is called {word_name(name)} in GraphQL: "
                    "say another name by `mappings`"
                )
                name = word_name(name)
            while name in found:
                name += "_"
            found[name] = word
        return found

    # --- relations ---

    def name_relations(self) -> None:
        columns: dict[str, set[str]] = {name: {NODE_ID} for name in self.tables}
        for (name, _), told in self.columns.items():
            columns[name].add(told)
        for name, taken in columns.items():
            for relation in self.in_turn(name):
                if relation.target not in self.tables or any(said.expose is False for said in self.said(relation)):
                    continue
                told = next(told for told in self.candidates(relation) if told not in taken and is_name(told))
                taken.add(told)
                self.relations.setdefault(name, {})[relation] = told

    def in_turn(self, table: str) -> list[Relation]:
        """Those with a name of their own, keys that the table holds, keys that others hold, and what is through a
        junction; each in the order of the key's columns."""

        def place(relation: Relation) -> tuple[object, ...]:
            holder = self.catalog.tables[relation.source if relation.holds_key else relation.target]
            places = {name: place for place, name in enumerate(holder.columns)}
            key = [own if relation.holds_key else other for own, other in relation.pairs]
            sort = 2 if relation.junction is not None else 0 if relation.holds_key else 1
            own = next(self.own(relation), None) is None
            return (
                own,
                sort,
                relation.target,
                [places.get(each, 0) for each in key],
                relation.constraint,
                repr(relation.junction),
            )

        return sorted(self.catalog.relations.get(table, ()), key=place)

    def candidates(self, relation: Relation) -> Iterator[str]:
        """Its names, the best one first, without an end."""
        yield from self.own(relation)
        target = lower_first(self.tables[relation.target])
        many = "" if relation.to_one else "Collection"
        key = [own if relation.holds_key else other for own, other in relation.pairs]
        by = "And".join(upper_first(field_name(own_name(each), inflect=self.inflect)) for each in key)
        if relation.function is not None:
            yield field_name(relation.constraint.removeprefix("_"), inflect=self.inflect)
        elif relation.holds_key and len(key) == 1 and own_name(key[0]) != key[0]:
            yield field_name(own_name(key[0]), inflect=self.inflect)
        else:
            yield f"{target}{many}"
        if relation.junction is not None:
            junction = relation.junction
            by = upper_first(self.tables.get(junction.table, type_name(junction.table, inflect=self.inflect)))
            yield f"{target}{many}Via{by}"
            by += "By" + "And".join(
                upper_first(field_name(own_name(k), inflect=self.inflect)) for _, k in junction.target_pairs
            )
            yield f"{target}{many}Via{by}"
        else:
            yield f"{target}{many}By{by}"
        for number in range(2, 10_000):
            yield f"{target}{many}{number}"

    def said(self, relation: Relation) -> list[Directive]:
        """What is said of the models' own names for it."""
        names = sorted(relation.names)
        return [self.directives.relationships.get((relation.source, name), NOTHING) for name in names]

    def own(self, relation: Relation) -> Iterator[str]:
        """Names that somebody gave to it."""
        for said in self.said(relation):
            if said.name is not None:
                yield said.name
        holder = relation.source if relation.holds_key else relation.target
        directive = self.directives.constraints.get((holder, relation.constraint), NOTHING)
        told = directive.foreign_name if relation.holds_key else directive.local_name
        if told is not None and relation.junction is None:
            yield told
        pairs = relation.pairs if relation.holds_key else tuple((own, other) for other, own in relation.pairs)
        for key in self.directives.table(holder).foreign_keys:
            told = key.foreign_name if relation.holds_key else key.local_name
            if told is not None and set(zip(key.columns, key.target_columns, strict=True)) == set(pairs):
                yield told
        if relation.function is not None:
            named = self.directives.functions.get(relation.constraint, NOTHING).name
            if named is not None:
                yield named


def enumeration_name(column: Column) -> str | None:
    """The name of an enumeration's type: of the Python class where it is made of one."""
    type_ = column.element.type
    cls = getattr(type_, "enum_class", None)
    if cls is not None:
        return str(cls.__name__)
    if column.type_name is not None:
        return column.type_name.rpartition(".")[2].strip('"')
    return getattr(type_, "name", None)


def name_all(catalog: Catalog, directives: Directives, *, inflect: bool) -> Names:
    """Name everything in a catalog, as its whole; `inflect` makes `BlogPost` and `createdAt` of `blog_post` and
    `created_at`."""
    namer = _Namer(catalog, directives, inflect)
    namer.name_tables()
    namer.name_columns()
    namer.name_enumerations()
    namer.name_relations()
    return Names(namer.tables, namer.columns, namer.relations, namer.enumerations, tuple(namer.problems))
