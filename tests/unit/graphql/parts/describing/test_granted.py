"""What of a catalog a role may know, by its privileges; relations by comments; a database's functions as fields."""

from __future__ import annotations

from dataclasses import replace

import pytest
import sqlalchemy as sa

from undercroft.catalog.kinds import Kind, Named
from undercroft.catalog.relations import ForeignKey, find_relations
from undercroft.catalog.types import Argument, Catalog, Column, ObjectName, Relation, Routine, Table, Volatility
from undercroft.graphql.parts.describing.directed_keys import with_directed_keys
from undercroft.graphql.parts.describing.granted import granted_catalog, granted_rights
from undercroft.graphql.parts.describing.tables import Options, describe, outline
from undercroft.pipeline.privileges import Privileges, TablePrivileges

INTEGER, TEXT = Named("integer", Kind.INTEGER), Named("text", Kind.TEXT)


def table(name: str, comment: str | None = None, /, **columns: Named) -> Table:
    made = {
        column: Column(column, sa.Column(column, type_), type_.kind, column != "id", False, type_name=type_.name)
        for column, type_ in columns.items()
    }
    element = sa.Table(name, sa.MetaData(), *(each.element for each in made.values()), schema="public")
    return Table(name, "public", element, made, ("id",), comment=comment)


def routine(
    name: str, *arguments: Argument, rows: Table | None = None, many: bool = False,
    volatility: Volatility = "stable", type_name: str = "integer", kind: Kind = Kind.INTEGER,
) -> Routine:  # fmt: skip
    return Routine(ObjectName("public", name), arguments, volatility, many, rows, kind, type_name)


def argument(name: str, type_: str = "integer", kind: Kind = Kind.INTEGER, **more: bool) -> Argument:
    return Argument(name, type_, type_, kind=kind, **more)


CATS = table("cats", id=INTEGER, owner_id=INTEGER, name=TEXT, secret=TEXT)
OWNERS = replace(
    table("owners", id=INTEGER, name=TEXT),
    computed={
        name: Column(name, sa.Column(name, TEXT), Kind.TEXT, True, False, function=ObjectName("public", name))
        for name in ("initials", "kept")
    },
)
TABLES = {"cats": CATS, "owners": OWNERS}
KEY = ForeignKey("owned", "cats", "owners", (("owner_id", "id"),), comment='@graphql({"local_name": "pets"})')
KITTENS = Relation("o2m", "owners", "cats", "kittens", function=ObjectName("public", "kittens"))
FOUND = find_relations(TABLES, [KEY], {})
CATALOG = Catalog(TABLES, {**FOUND, "owners": (*FOUND["owners"], KITTENS)}, routines={"one": (routine("one"),)})
ALL = TablePrivileges(frozenset(CATS.columns), frozenset(CATS.columns), frozenset(CATS.columns), deletes=True)
FUNCTIONS = frozenset(ObjectName("public", name) for name in ("one", "initials", "kittens"))


def described(privileges: Privileges, catalog: Catalog = CATALOG) -> dict[str, set[str]]:
    """The fields of everything."""
    found = with_directed_keys(catalog)
    known = granted_catalog(found, privileges)
    api = describe(outline(found, Options(inflect_names=None)), known, granted_rights(known, privileges))
    fields: dict[str, set[str]] = {"": set(api.functions)}
    for each in api.tables.values():
        fields[each.name] = {*each.columns, *each.relations}
        fields[f"{each.name} inserts"] = set(each.inserts or {})
        fields[f"{each.name} updates"] = set(each.updates or {})
        fields[f"{each.name} deletes"] = {"yes"} if each.deletes else set()
    return fields


def test_what_may_be_read_is_there_column_by_column() -> None:
    owners = TablePrivileges(reads=frozenset({"id", "name"}))
    cats = TablePrivileges(frozenset({"id", "name"}), frozenset({"name", "secret"}), frozenset({"name"}))
    found = described(Privileges({"cats": cats, "owners": owners}, FUNCTIONS))
    assert found["cats"] == {"id", "name"}, "what may not be read is no field, and neither is a key that holds it"
    assert (found["cats inserts"], found["cats updates"]) == ({"name", "secret"}, {"name"})
    assert found["cats deletes"] == set()
    assert found["owners"] == {"id", "name", "initials", "kittens"}, "kittens come by a function, and no key"
    assert found[""] == {"one"}


@pytest.mark.parametrize("lacks", ["owners", "owner_id", "function", "key"])
def test_a_privilege_that_is_taken_away_takes_with_it_what_needs_it(lacks: str) -> None:
    owners = TablePrivileges() if lacks == "owners" else TablePrivileges(reads=frozenset({"id", "name"}))
    reads = {"owner_id": ALL.reads - {"owner_id"}, "key": ALL.reads - {"id"}}.get(lacks, ALL.reads)
    functions = frozenset[ObjectName]() if lacks == "function" else FUNCTIONS
    found = described(Privileges({"cats": replace(ALL, reads=reads), "owners": owners}, functions))
    assert ("owners" in found) is (lacks != "owners")
    assert ("cats" in found) is (lacks != "key"), "a record needs a name"
    assert ("owner" in found.get("cats", ())) is (lacks == "function")
    assert ("pets" in found.get("owners", ())) is (lacks == "function")
    assert ("one" in found[""]) is (lacks != "function")


def test_relations_by_comment() -> None:
    key = (
        '{"local_columns": ["owner_id"], "foreign_table": "owners", "foreign_columns": ["id"], "foreign_name": "boss"}'
    )
    lost = '{"local_columns": ["owner_id"], "foreign_table": "owners", "foreign_columns": ["no"]}'
    cats = table("cats", f'@graphql({{"foreign_keys": [{key}, {lost}]}})', id=INTEGER, owner_id=INTEGER)
    problems = outline(Catalog({"cats": cats, "owners": OWNERS}, {})).problems
    assert [each.partition(":")[0] for each in problems] == ["the directive of table cats"]
    privileges = Privileges({"cats": ALL, "owners": TablePrivileges(reads=frozenset({"id", "name"}))}, frozenset())
    found = described(privileges, Catalog({"cats": cats, "owners": OWNERS}, {}))
    assert (found["cats"], found["owners"]) == ({"id", "owner_id", "boss"}, {"id", "name", "catsCollection"})


@pytest.mark.parametrize(
    ("given", "field"),
    [
        (routine("f", argument("a")), "query scalar Int"),
        (routine("f", volatility="volatile"), "mutation scalar Int"),
        (routine("f", type_name="bigint[]", kind=Kind.ARRAY), "query scalar [BigInt]"),
        (routine("f", many=True), "query scalar [Int]"),
        (routine("f", rows=CATS), "query record cats"),
        (routine("f", rows=CATS, many=True), "query records cats"),
        (routine("f", argument("first"), rows=CATS), "query record cats"),
        (routine("f", argument("first"), rows=CATS, many=True), None),
        (routine("f", rows=table("cats", id=INTEGER)), None),
        (routine("f", type_name="void", kind=Kind.OTHER), None),
        (routine("f", type_name="record", kind=Kind.OTHER), None),
        (routine("f", argument("a", "cats", Kind.COMPOSITE)), None),
        (routine("f", argument("a", "cats[]", Kind.ARRAY)), None),
        (routine("f", argument("")), None),
        (routine("f", argument("a", variadic=True)), None),
        (routine("node"), None),
        (routine("no name"), None),
    ],
)
def test_functions(given: Routine, field: str | None) -> None:
    catalog = replace(CATALOG, routines={given.name.name: (given,)})
    rights = granted_rights(granted_catalog(catalog, EVERYTHING), EVERYTHING)
    found = describe(outline(catalog, Options(inflect_names=False)), catalog, rights).functions
    shown = [f"{each.kind} {each.returns} {f'[{each.type_}]' if each.many else each.type_}" for each in found.values()]
    assert shown == ([] if field is None else [field])
    twice = replace(catalog, routines={given.name.name: (given, given)})
    assert not describe(outline(twice), twice, rights).functions, "which is meant could not be told"


EVERYTHING = Privileges({"cats": ALL, "owners": TablePrivileges(reads=frozenset({"id", "name"}))}, FUNCTIONS)
