"""What a schema is, as values that can be compared: the yardstick for "old or new", "drifted",
"arrived".

Two databases count as equal when they hold the same tables, columns, keys, constraints and indexes. The order of
columns and the names of constraints do not count: a column that was added later stands last, and is the same column.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from undercroft.engine.migrate.ddltext import CheckText, ForeignText, UniqueText, normal, parse_table

Run = Callable[..., Sequence[Sequence[Any]]]
"""Runs one statement (with arguments) and gives all rows."""

OURS = "_undercroft"
"""Tables and schemas of this prefix are Undercroft's own bookkeeping, in no model."""


@dataclass(frozen=True, slots=True)
class ColumnFact:
    name: str
    type: str
    not_null: bool
    default: str | None
    key: int
    """Place in the primary key, from 1; 0 outside."""
    generated: str | None = None
    stored: bool = False
    collation: str | None = None
    identity: str | None = None
    """How the server numbers rows by itself: `serial`, `always`, `by default`; None where it does not."""
    family: str | None = None
    """The kind of values; None where the declared type says it by SQLite's rules."""
    members: tuple[str, ...] | None = None
    """Of an enum type."""

    @property
    def affinity(self) -> str:
        """As https://sqlite.org/datatype3.html, section 3.1, derives it."""
        if self.family is not None:
            return self.family
        declared = self.type.upper()
        for words, affinity in _AFFINITIES:
            if any(word in declared for word in words):
                return affinity
        return "BLOB" if not declared else "NUMERIC"


_LOSSLESS = frozenset({("INTEGER", "NUMERIC"), ("INTEGER", "TEXT"), ("REAL", "NUMERIC")})
"""Changes of a column's affinity that no value can suffer from."""

_AFFINITIES = (
    (("INT",), "INTEGER"),
    (("CHAR", "CLOB", "TEXT"), "TEXT"),
    (("BLOB",), "BLOB"),
    (("REAL", "FLOA", "DOUB"), "REAL"),
)


@dataclass(frozen=True, slots=True)
class IndexFact:
    name: str
    sql: str
    unique: bool
    columns: tuple[str | None, ...]
    """None stands for an expression."""
    method: str = ""
    """Other than a B-tree."""

    @property
    def definition(self) -> str:
        """Everything but the name and the table, in one spelling."""
        body = normal(self.sql[self.sql.index("(") :]) if "(" in self.sql else self.sql
        return f"{'unique ' if self.unique else ''}{self.method}{body}"


@dataclass(frozen=True, slots=True)
class TableFact:
    name: str
    sql: str
    columns: tuple[ColumnFact, ...]
    checks: tuple[CheckText, ...] = ()
    uniques: tuple[UniqueText, ...] = ()
    foreigns: tuple[ForeignText, ...] = ()
    indexes: tuple[IndexFact, ...] = ()
    options: frozenset[str] = frozenset()
    key_name: str | None = None
    on_conflict: bool = False

    @property
    def key(self) -> tuple[str, ...]:
        inside = sorted((column for column in self.columns if column.key), key=lambda column: column.key)
        return tuple(column.name for column in inside)

    @property
    def columns_by_name(self) -> dict[str, ColumnFact]:
        return {column.name: column for column in self.columns}

    def column(self, name: str) -> ColumnFact | None:
        return self.columns_by_name.get(name)


Facts = Mapping[str, TableFact]
"""By the dotted name of the table: `posts`, `auth.users`."""


def changes_form(have: ColumnFact, want: ColumnFact) -> bool:
    """Whether values may become others, or lose what they were, when their column gets the other type."""
    pair = (have.affinity, want.affinity)
    return pair[0] != pair[1] and pair not in _LOSSLESS


def quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def read_facts(run: Run) -> dict[str, TableFact]:
    """Every ordinary table, without SQLite's own, virtual ones and what belongs to those, and Undercroft's
    bookkeeping.
    """
    rows = run("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql IS NOT NULL ORDER BY name")
    # By its own word, not by the beginning of its name: `notes_tags` may stand beside a search index `notes`.
    other = {name for _, name, kind, *_ in run("PRAGMA main.table_list") if kind in ("virtual", "shadow")}
    return {
        name: read_table(run, name, sql)
        for name, sql in rows
        if not name.startswith(("sqlite_", OURS)) and name not in other
    }


def read_table(run: Run, name: str, sql: str) -> TableFact:
    text = parse_table(sql)
    columns = []
    for _, column, declared, not_null, default, key, hidden in run(f"PRAGMA table_xinfo({quoted(name)})"):
        if hidden == 1:
            continue
        generated = text.generated.get(column) if hidden in (2, 3) else None
        spelled = declared.upper().replace("GENERATED ALWAYS", "").strip() if hidden else declared
        collation = text.collations.get(column)
        fact = ColumnFact(column, spelled, bool(not_null), default, key, generated, hidden == 3, collation)
        columns.append(fact)
    keyed = tuple(column.name for column in sorted(columns, key=lambda each: each.key) if column.key)
    options = text.options | ({"autoincrement"} if text.autoincrement else frozenset())
    return TableFact(
        name,
        sql,
        tuple(columns),
        tuple(text.checks),
        tuple(text.uniques),
        # A self-reference may leave its columns out; the key of another table is looked up where it matters.
        tuple(replace(f, referred=keyed) if not f.referred and f.table == name else f for f in text.foreigns),
        _read_indexes(run, name),
        options,
        text.primary_key_name,
        text.on_conflict,
    )


def _read_indexes(run: Run, table: str) -> tuple[IndexFact, ...]:
    found = []
    rows = run(
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND tbl_name = ? AND sql IS NOT NULL", (table,)
    )
    for name, sql in sorted(rows, key=lambda row: str(row[0])):
        columns = tuple(row[2] for row in run(f"PRAGMA index_info({quoted(name)})"))
        found.append(IndexFact(name, sql, sql.lstrip()[:20].upper().split()[1] == "UNIQUE", columns))
    return tuple(found)


def with_referred(facts: Facts) -> dict[str, TableFact]:
    """The same, with the columns filled in where a foreign key's text left them out."""

    def filled(foreign: ForeignText) -> ForeignText:
        target = facts.get(foreign.table)
        return replace(foreign, referred=target.key) if not foreign.referred and target else foreign

    return {name: replace(t, foreigns=tuple(map(filled, t.foreigns))) for name, t in facts.items()}


def differences(is_: Facts, should: Facts, made: Iterable[str] | None = None) -> tuple[str, ...]:
    """How `is_` differs from `should`, one phrase each; empty when they are equal.

    With `made`, tables and indexes beyond `should` count only when their names are in it: the rest is somebody else's.
    """
    ours = None if made is None else frozenset(made)
    is_, should = with_referred(is_), with_referred(should)
    found = [f"table {name} is missing" for name in should if name not in is_]
    found += [f"table {name} is not expected" for name in is_ if name not in should and (ours is None or name in ours)]
    for name in sorted(is_.keys() & should.keys()):
        found += [f"{name}: {each}" for each in _table_differences(is_[name], should[name], ours)]
    return tuple(found)


def _table_differences(is_: TableFact, should: TableFact, ours: frozenset[str] | None) -> list[str]:
    found = []
    have, want = ({column.name: _comparable(column) for column in table.columns} for table in (is_, should))
    found += [f"column {name} is missing" for name in want if name not in have]
    found += [f"column {name} is not expected" for name in have if name not in want]
    for name in have.keys() & want.keys():
        for label, a, b in zip(_LABELS, have[name], want[name], strict=True):
            if a != b:
                found.append(f"column {name} has {label} {a!r} instead of {b!r}")
    if is_.key != should.key:
        found.append(f"primary key is ({', '.join(is_.key)}) instead of ({', '.join(should.key)})")
    if is_.options != should.options:
        found.append(f"table options are {sorted(is_.options)} instead of {sorted(should.options)}")
    for (label, a), (_, b) in zip(_constraints(is_), _constraints(should), strict=True):
        found += [f"{label} {each} is missing" for each in sorted(b - a)]
        found += [f"{label} {each} is not expected" for each in sorted(a - b)]
    have_i, want_i = ({index.name: index.definition for index in table.indexes} for table in (is_, should))
    found += [f"index {name} is missing" for name in want_i if name not in have_i]
    found += [
        f"index {name} is not expected" for name in have_i if name not in want_i and (ours is None or name in ours)
    ]
    found += [
        f"index {name} is defined otherwise" for name in want_i if name in have_i and have_i[name] != want_i[name]
    ]
    return found


def _constraints(table: TableFact) -> list[tuple[str, set[str]]]:
    return [
        ("CHECK", {normal(each.text) for each in table.checks}),
        ("unique constraint on", {_listed(each.columns) for each in table.uniques}),
        ("foreign key", {_foreign(each) for each in table.foreigns}),
    ]


_LABELS = ("type", "NOT NULL", "default", "generation", "collation", "numbering", "members")


def _comparable(column: ColumnFact) -> tuple[object, ...]:
    return (
        normal(column.type),
        column.not_null or column.key > 0,  # SQLite's INTEGER PRIMARY KEY is never null, said or not
        None if column.default is None else normal(column.default),
        None if column.generated is None else (normal(column.generated), column.stored),
        (column.collation or "binary").lower(),
        column.identity,
        column.members,
    )


def _listed(columns: Iterable[str]) -> str:
    return f"({', '.join(columns)})"


def _foreign(key: ForeignText) -> str:
    text = f"{_listed(key.columns)} → {key.table}{_listed(key.referred)}"
    text += f" on delete {key.on_delete.lower()}" if key.on_delete else ""
    text += f" on update {key.on_update.lower()}" if key.on_update else ""
    text += " deferred" if key.deferrable and key.initially == "DEFERRED" else ""
    return text
