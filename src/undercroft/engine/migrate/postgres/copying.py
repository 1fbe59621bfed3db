"""The DDL of a schema from its facts: for the scratch on which changes are tried."""

from __future__ import annotations

from collections.abc import Iterator

from undercroft.engine.migrate.ddltext import ForeignText
from undercroft.engine.migrate.facts import ColumnFact, Facts, TableFact, quoted
from undercroft.engine.migrate.postgres.facts import named
from undercroft.engine.sqlite.dialect import undotted

_SERIALS = {"smallint": "smallserial", "integer": "serial", "bigint": "bigserial"}


def statements(facts: Facts) -> Iterator[str]:
    """What makes these tables in an empty database: schemas and types first, references and indexes last."""
    for schema in sorted({undotted(name)[0] or "" for name in facts} - {""}):
        yield f"CREATE SCHEMA {quoted(schema)}"
    enums = {column.type: column.members for fact in facts.values() for column in fact.columns if column.members}
    for name, members in sorted(enums.items()):
        yield f"CREATE TYPE {name} AS ENUM ({', '.join(map(literal, members))})"
    for fact in facts.values():
        yield _table(fact)
    for fact in facts.values():
        yield from (
            f"ALTER TABLE {named(fact.name)} ADD CONSTRAINT {quoted(str(key.name))} {_reference(key)}"
            for key in fact.foreigns
        )
        yield from (index.sql for index in fact.indexes)


def literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _table(fact: TableFact) -> str:
    parts = [_column(column) for column in fact.columns]
    if fact.key:
        parts.append(f"CONSTRAINT {quoted(str(fact.key_name))} PRIMARY KEY ({_listed(fact.key)})")
    parts += [f"CONSTRAINT {quoted(str(each.name))} UNIQUE ({_listed(each.columns)})" for each in fact.uniques]
    parts += [f"CONSTRAINT {quoted(str(each.name))} CHECK ({each.text})" for each in fact.checks]
    return f"CREATE TABLE {named(fact.name)} ({', '.join(parts)})"


def _column(column: ColumnFact) -> str:
    serial = column.identity == "serial"
    parts = [quoted(column.name), _SERIALS.get(column.type, column.type) if serial else column.type]
    if column.collation:
        parts.append(f"COLLATE {quoted(column.collation)}")
    if column.generated is not None:
        parts.append(f"GENERATED ALWAYS AS ({column.generated}) {'STORED' if column.stored else 'VIRTUAL'}")
    elif column.identity and not serial:
        parts.append(f"GENERATED {column.identity.upper()} AS IDENTITY")
    elif column.default is not None:
        parts.append(f"DEFAULT {column.default}")
    return " ".join([*parts, "NOT NULL"] if column.not_null else parts)


def _reference(key: ForeignText) -> str:
    text = f"FOREIGN KEY ({_listed(key.columns)}) REFERENCES {named(key.table)} ({_listed(key.referred)})"
    text += f" ON DELETE {key.on_delete}" if key.on_delete else ""
    text += f" ON UPDATE {key.on_update}" if key.on_update else ""
    text += " DEFERRABLE" if key.deferrable else ""
    return f"{text} INITIALLY {key.initially}" if key.initially else text


def _listed(columns: tuple[str, ...]) -> str:
    return ", ".join(map(quoted, columns))
