"""What an API is made of where the database decides: the part of its catalog that a role has privileges on.

Names are bound against that part, so that what a role may not know is as if it were not there.
Protocol: pg_graphql, "Security": visibility of tables and columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from undercroft.catalog.types import Catalog, Column, ObjectName, Relation, Table
from undercroft.graphql.parts.describing.rights import Rights
from undercroft.pipeline.privileges import Privileges, TablePrivileges

_NUMBERED = ("nextval(", "GENERATED AS IDENTITY")
_NONE = TablePrivileges()


def granted_catalog(catalog: Catalog, privileges: Privileges) -> Catalog:
    """The tables that may be read or added to, with the columns that may be read or written, the relations whose
    columns may be read, and the functions that may be called. A function that takes a row is there with all the row's
    columns only: it is handed them all."""
    tables = {
        name: _granted_table(table, privileges.tables.get(name, _NONE), privileges.functions)
        for name, table in catalog.tables.items()
        if _is_known(privileges.tables.get(name, _NONE))
    }
    reads = {name: privileges.tables[name].reads for name in tables}
    whole = frozenset(name for name in tables if reads[name].issuperset(catalog.tables[name].columns))
    relations = {
        name: tuple(each for each in found if _is_open(each, reads, whole, privileges.functions))
        for name, found in catalog.relations.items()
        if name in tables
    }
    routines = {
        name: tuple(each for each in sharing if each.name in privileges.functions)
        for name, sharing in catalog.routines.items()
    }
    return replace(
        catalog,
        tables=tables,
        relations=relations,
        routines={name: sharing for name, sharing in routines.items() if sharing},
        hides_nothing=False,
    )


def granted_rights(catalog: Catalog, privileges: Privileges) -> Rights:
    """What may be done with the tables of a granted catalog.

    What cannot be read is neither changed nor deleted: that takes a filter. Numbers that the database gives are not
    written, as pg_graphql has it.
    """
    granted = {name: privileges.tables[name] for name in catalog.tables}
    written = {name: _written(table) for name, table in catalog.tables.items()}
    return Rights(
        reads=frozenset(name for name, each in granted.items() if each.reads),
        inserts={
            name: each.inserts & written[name]
            for name, each in granted.items()
            if each.inserts and catalog.tables[name].insertable
        },
        updates={
            name: each.updates & written[name]
            for name, each in granted.items()
            if each.updates and each.reads and catalog.tables[name].updatable
        },
        deletes=frozenset(
            name for name, each in granted.items() if each.deletes and each.reads and catalog.tables[name].deletable
        ),
        columns={name: each.reads for name, each in granted.items()},
    )


def _is_known(each: TablePrivileges) -> bool:
    return bool(each.reads or each.inserts)


def _granted_table(table: Table, each: TablePrivileges, functions: frozenset[ObjectName]) -> Table:
    known = each.reads | each.inserts | each.updates
    called = functions if each.reads.issuperset(table.columns) else frozenset[ObjectName]()
    computed = {name: field for name, field in table.computed.items() if field.function in called}
    if known.issuperset(table.columns) and len(computed) == len(table.computed):
        return table
    columns: Mapping[str, Column] = {name: column for name, column in table.columns.items() if name in known}
    return replace(
        table,
        columns=columns,
        computed=computed,
        primary_key=table.primary_key if known.issuperset(table.primary_key) else (),
        unique=tuple(unique for unique in table.unique if known.issuperset(unique)),
    )


def _is_open(
    relation: Relation,
    reads: Mapping[str, frozenset[str]],
    whole: frozenset[str],
    functions: frozenset[ObjectName],
) -> bool:
    """Both ends, the junction and all columns of the keys may be read: the database would refuse it otherwise."""
    if relation.function is not None:
        return relation.target in reads and relation.function in functions and relation.source in whole
    return all(name in reads and reads[name].issuperset(columns) for name, columns in relation.key_columns())


def _written(table: Table) -> frozenset[str]:
    """The columns whose values are the writer's to say."""
    return frozenset(
        name
        for name, column in table.columns.items()
        if not column.generated and not (column.default or "").startswith(_NUMBERED)
    )
