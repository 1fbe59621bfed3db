"""An existing PostgreSQL database as catalogs, one for each served schema: read from pg_catalog, and never changed.

What anybody may do with it is the database's to say, so privileges are not asked for.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from undercroft.catalog.relations import find_relations, with_computed
from undercroft.catalog.types import Catalog, Column, Relation, RelationKind, Table
from undercroft.engine.postgres.reflect import queries
from undercroft.engine.postgres.reflect.facts import (
    ConstraintFact,
    Facts,
    Oid,
    RelationFact,
    RoutineFact,
    TypeFacts,
    ViewFact,
)
from undercroft.engine.postgres.reflect.handlers import find_handlers
from undercroft.engine.postgres.reflect.keys import Keys
from undercroft.engine.postgres.reflect.routines import OfRow, RoutineMaker, of_rows
from undercroft.engine.postgres.reflect.tables import TableMaker
from undercroft.engine.postgres.reflect.types import Types
from undercroft.engine.postgres.reflect.views import trace_views

One = Callable[[str, Sequence[object]], Sequence[Any]]
"""Runs a statement with `$1` in it and gives its one row, as `Transaction.one` and `Cursor.one` do."""


def reflect(one: One, schemas: Sequence[str], search_path: Sequence[str] = ()) -> dict[str, Catalog]:
    """The catalog of each of `schemas`. `search_path` are further schemas, whose functions make computed fields, and
    whose views lead on to the tables below them.

    All statements belong into one transaction, read only and best of a snapshot (REPEATABLE READ); it is left with an
    empty search path. Raises `DatabaseFault`.
    """
    return make_catalogs(read_facts(one, schemas, search_path), schemas, search_path)


def read_facts(one: One, schemas: Sequence[str], search_path: Sequence[str] = ()) -> Facts:
    """What pg_catalog says of these schemas, by six statements."""
    one(queries.EMPTY_PATH, ())
    names = msgspec.json.encode(list(schemas)).decode()
    path = msgspec.json.encode([*schemas, *search_path]).decode()
    return Facts(
        relations=_decoded(one(queries.RELATIONS, (names,)), tuple[RelationFact, ...]),
        constraints=_decoded(one(queries.CONSTRAINTS, ()), tuple[ConstraintFact, ...]),
        views=_decoded(one(queries.VIEWS, (path,)), tuple[ViewFact, ...]),
        routines=_decoded(one(queries.ROUTINES, (names,)), tuple[RoutineFact, ...]),
        types=_decoded(one(queries.TYPES, (names,)), TypeFacts),
    )


def _decoded(row: Sequence[Any], type_: Any) -> Any:
    return msgspec.json.decode(row[0], type=type_)


def make_catalogs(facts: Facts, schemas: Sequence[str], search_path: Sequence[str] = ()) -> dict[str, Catalog]:
    """The catalogs that the facts describe; pure."""
    types = Types(facts.types)
    relations = {fact.oid: fact for fact in facts.relations}
    keys = Keys(facts.constraints, relations, trace_views(facts.views))
    maker = TableMaker(types, keys, sa.MetaData())
    rows_of = list(of_rows(facts.routines, types))
    path = (*schemas, *search_path)
    fields = _computed_fields(rows_of, maker, path)
    made = {oid: maker.make(fact, fields.get(oid, {})) for oid, fact in relations.items()}
    comments = {fact.name: fact.comment for fact in facts.types.schemas}
    routines = RoutineMaker(types, made.get, maker.record)
    catalogs: dict[str, Catalog] = {}
    for schema in schemas:
        tables = {
            table.name: table for oid, table in made.items() if table.schema == schema and relations[oid].kind != "c"
        }
        found = find_relations(tables, keys.foreign(schema), {})
        computed = _computed_relations(rows_of, types, made, tables)
        catalogs[schema] = Catalog(
            tables=tables,
            relations=with_computed(found, computed),
            schema=schema,
            comment=comments.get(schema),
            routines=routines.make(fact for fact in facts.routines if fact.schema == schema),
            handlers=find_handlers(schema, facts.routines, types, made.get),
            enumerations=types.comments(),
            hides_nothing=True,
        )
    return catalogs


def _computed_fields(
    functions: Sequence[OfRow], maker: TableMaker, path: Sequence[str]
) -> Mapping[Oid, dict[str, Column]]:
    """By table. As in an expression, the first schema of the path that has the function gives it."""
    found: dict[Oid, dict[str, Column]] = defaultdict(dict)
    for each in functions:
        if each.many or each.name.schema not in path:
            continue
        before = found[each.source].get(each.name.name)
        if (
            before is None
            or before.function is None
            or path.index(each.name.schema) < path.index(before.function.schema)
        ):
            found[each.source][each.name.name] = maker.field(each.name, each.result, each.comment)
    return found


def _computed_relations(
    functions: Sequence[OfRow], types: Types, made: Mapping[Oid, Table], tables: Mapping[str, Table]
) -> list[Relation]:
    """The functions that lead from a row of a table to rows of another, both of this schema."""
    found = []
    for each in functions:
        target_oid = types.relation_of(each.result)
        source, target = made.get(each.source), made.get(target_oid) if target_oid is not None else None
        if source is None or target is None:
            continue
        if tables.get(source.name) is source and tables.get(target.name) is target:
            kind: RelationKind = "m2o" if each.one_row or not each.many else "o2m"
            name, comment = each.name.name, each.comment
            found.append(Relation(kind, source.name, target.name, name, function=each.name, comment=comment))
    return found
