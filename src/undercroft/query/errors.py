"""What binding may refuse, each with its PostgREST code or SQLSTATE.

A hint is drawn only from the catalog that it was given, which is the caller's own: what the caller may not know of is
not in it.
"""

from __future__ import annotations

from undercroft.base.faults import Fault, closest
from undercroft.base.likeness import misspelt, resembling
from undercroft.catalog.types import Catalog, Relation, Table


class QueryFault(Fault):
    """A name that means nothing here, or a construct that has no meaning in its place."""

    default_code = "PGRST100"


def unknown_table(name: str, catalog: Catalog) -> QueryFault:
    near = closest(name, catalog.tables, cutoff=0.75)
    return QueryFault(
        f"Could not find the table '{catalog.schema}.{name}' in the schema cache",
        code="PGRST205",
        hint=f"Perhaps you meant the table '{catalog.schema}.{near}'" if near else None,
    )


def unknown_column(table: Table, name: str, spoken: str) -> QueryFault:
    """In the words of PostgreSQL; `spoken` is what a statement of PostgREST calls the table in this place."""
    if name in table.sealed:
        return sealed_column(table, name)
    return _no_column(f"{spoken}.{name}", name, table, spoken)


def unknown_key_column(table: Table, name: str) -> QueryFault:
    """In the words of PostgreSQL, of a name in `on_conflict`."""
    if name in table.sealed:
        return sealed_column(table, name)
    return _no_column(f'"{name}"', name, table, table.name)


def _no_column(told: str, name: str, table: Table, spoken: str) -> QueryFault:
    near = " or the column ".join(f'"{spoken}.{column}"' for column in misspelt(name, table.columns))
    return QueryFault(
        f"column {told} does not exist",
        code="42703",
        hint=f"Perhaps you meant to reference the column {near}." if near else None,
    )


def unknown_payload_column(table: Table, name: str) -> QueryFault:
    if name in table.sealed:
        return sealed_column(table, name)
    return QueryFault(
        f"Could not find the '{name}' column of '{table.name}' in the schema cache",
        code="PGRST204",
    )


def sealed_column(table: Table, name: str) -> QueryFault:
    """Of a column that is there, and that the database cannot read."""
    return QueryFault(
        f"column {table.name}.{name} is encrypted: the data API neither shows, takes nor compares it",
        code="0A000",
        hint="Read, write and find its values in a function or a hook.",
    )


def no_such_key() -> QueryFault:
    """In the words of PostgreSQL, which says it of all other columns itself."""
    return QueryFault("there is no unique or exclusion constraint matching the ON CONFLICT specification", code="42P10")


def unknown_relation(catalog: Catalog, source: str, target: str, hint: str | None) -> QueryFault:
    using = f" using the hint '{hint}'" if hint else ""
    return QueryFault(
        f"Could not find a relationship between '{source}' and '{target}' in the schema cache",
        code="PGRST200",
        details=(
            f"Searched for a foreign key relationship between '{source}' and '{target}'{using}"
            f" in the schema '{catalog.schema}', but no matches were found."
        ),
        hint=_related_hint(catalog, source, target),
    )


def _related_hint(catalog: Catalog, source: str, target: str) -> str | None:
    """Another target where the source has any; else another source. None where only the way between them is missing.

    Where something is hidden, only a slip of a name is told: of less likeness, a hint would tell two names apart that
    are both unknown to the caller.
    """
    related = [relation.target for relation in catalog.relations.get(source, ())]
    likest = resembling if catalog.hides_nothing else closest
    meant, near = target, None
    if not related and catalog.hides_nothing:
        meant, near = source, likest(source, (name for name, found in catalog.relations.items() if found))
    elif target.lower() not in map(str.lower, related):
        near = likest(target, related)
    return f"Perhaps you meant '{near}' instead of '{meant}'." if near else None


def ambiguous_relation(source: str, target: str, found: tuple[Relation, ...]) -> QueryFault:
    hints = ", ".join(f"'{target}!{_disambiguation(relation)}'" for relation in found)
    return QueryFault(
        f"Could not embed because more than one relationship was found for '{source}' and '{target}'",
        code="PGRST201",
        details=[_describe(relation) for relation in found],
        hint=f"Try changing '{target}' to one of the following: {hints}. "
        "Find the desired relationship in the 'details' key.",
    )


_CARDINALITY = {"m2o": "many-to-one", "o2m": "one-to-many", "o2o": "one-to-one", "m2m": "many-to-many"}


def _disambiguation(relation: Relation) -> str:
    return relation.junction.table if relation.junction else relation.constraint


def _describe(relation: Relation) -> dict[str, str]:
    if relation.junction:
        junction = relation.junction
        using = (
            f"{junction.table} using {junction.source_constraint}({', '.join(own for _, own in junction.source_pairs)})"
            f" and {junction.target_constraint}({', '.join(own for _, own in junction.target_pairs)})"
        )
    else:
        source = ", ".join(own for own, _ in relation.pairs)
        target = ", ".join(other for _, other in relation.pairs)
        using = f"{relation.constraint} using {relation.source}({source}) and {relation.target}({target})"
    return {
        "cardinality": _CARDINALITY[relation.kind],
        "embedding": f"{relation.source} with {relation.target}",
        "relationship": using,
    }
