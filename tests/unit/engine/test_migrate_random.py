"""From any models to any other: the plan arrives, the rows stay, and the way back leads back."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    JSON,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Enum,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    String,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    func,
    text,
)  # fmt: skip

from tests.unit.engine.migrating import CONVENTION, LIBRARIES, place_in, rows
from undercroft.engine import migrate
from undercroft.engine.migrate import Rename
from undercroft.engine.migrate.errors import DataForbids

TYPES: dict[str, Any] = {
    "int": Integer, "text": Text, "string": lambda: String(40), "nocase": lambda: String(20, collation="NOCASE"),
    "bool": lambda: Boolean(create_constraint=True, name="flag"), "float": Float, "numeric": lambda: Numeric(10, 2),
    "date": Date, "datetime": DateTime, "json": JSON, "uuid": Uuid, "blob": LargeBinary,
    "enum": lambda: Enum("a", "b", name="letters", create_constraint=True),
    "enum3": lambda: Enum("a", "b", "c d", name="letters", create_constraint=True),
}  # fmt: skip
NAMES = ("alpha", "beta", "gamma", "order", "Mixed Case")

column = st.fixed_dictionaries({
    "type": st.sampled_from(sorted(TYPES)),
    "nullable": st.booleans(),
    "default": st.sampled_from(["none", "text", "now"]),
    "unique": st.booleans(),
    "index": st.booleans(),
})  # fmt: skip
table = st.fixed_dictionaries({
    "columns": st.dictionaries(st.sampled_from(NAMES), column, min_size=1, max_size=4),
    "check": st.booleans(),
    "pair": st.booleans(),
    "parent": st.booleans(),
    "partial": st.booleans(),
    "expression": st.sampled_from(["none", "lower", "upper"]),
})  # fmt: skip
schema = st.dictionaries(st.sampled_from(["one", "two", "auth.three"]), table, min_size=1, max_size=3)


def build(described: dict[str, Any]) -> MetaData:
    metadata = MetaData(naming_convention=CONVENTION)
    Table("base", metadata, Column("id", Integer, primary_key=True))
    for name, each in sorted(described.items()):
        owner, _, plain = name.rpartition(".")
        columns = [column_of(key, value) for key, value in each["columns"].items()]
        first = next(iter(each["columns"]))
        extra: list[Any] = []
        if each["check"]:
            extra.append(CheckConstraint(f'length("{first}") < 100', name="short"))
        if each["pair"]:
            extra.append(UniqueConstraint(first, "id"))
        if each["parent"]:
            extra.append(Column("base_id", ForeignKey("base.id", ondelete="CASCADE")))
        if each["partial"]:
            extra.append(
                Index(f"{plain}_partial", text(f'"{first}" DESC'), sqlite_where=text(f'"{first}" IS NOT NULL'))
            )
        if each["expression"] != "none":
            extra.append(Index(f"{plain}_expression", text(f'{each["expression"]}("{first}")')))
        Table(
            plain, metadata, Column("id", Integer, primary_key=True), *columns, *extra,
            schema=owner or None, sqlite_autoincrement=True,
        )  # fmt: skip
    return metadata


def column_of(name: str, value: dict[str, Any]) -> Column[Any]:
    default = {"none": None, "text": "a", "now": func.current_timestamp()}[value["default"]]
    # A column that must not be NULL has a default here: without one, rows forbid it, which other tests look at.
    if not value["nullable"] and default is None:
        default = "a"
    return Column(
        name, TYPES[value["type"]](), nullable=value["nullable"], server_default=default,
        unique=value["unique"], index=value["index"],
    )  # fmt: skip


@pytest.mark.parametrize("library", LIBRARIES)
def test_any_models_lead_to_any_other(library: str, rounds: Callable[[int, int], int]) -> None:
    slow = [HealthCheck.too_slow]
    settled = settings(max_examples=rounds(8, 300), deadline=None, suppress_health_check=slow, phases=[Phase.generate])
    settled(given(before=schema, after=schema)(lambda before, after: lead(library, before, after)))()


def lead(library: str, before: dict[str, Any], after: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place, files = place_in(Path(folder), library), Path(folder) / "migrations"
        old, new = build(before), build(after)
        migrate.make(old, place, files)
        migrate.up(place, files)
        rows(place, "INSERT INTO base (id) VALUES (1)")
        for name in before:
            with suppress(place.library.module.IntegrityError):  # a default that a CHECK of its own column forbids
                rows(place, f'INSERT INTO "{name}" (id) VALUES (7)')
        kept = {name: rows(place, f'SELECT count(*) FROM "{name}"') for name in before.keys() & after.keys()}
        gone = [Rename(name, None) for name in before.keys() - after.keys()] if after.keys() - before.keys() else []
        for name in before.keys() & after.keys():
            less, more = columns(before[name]) - columns(after[name]), columns(after[name]) - columns(before[name])
            gone += [Rename(each, None, name) for each in less] if more else []
        migrate.make(new, place, files, renames=gone)
        try:
            migrate.up(place, files, allow_data_loss=True)
        except DataForbids:
            return
        assert migrate.check(new, place, files) == ()
        assert {name: rows(place, f'SELECT count(*) FROM "{name}"') for name in kept} == kept
        source = next(files.glob("versions/0002_*.py"), None)
        if source is not None:
            assert "NotImplementedError" not in source.read_text()
            try:
                migrate.down(place, files, allow_data_loss=True)
            except DataForbids:
                return
            assert migrate.check(old, place, files)[:1] == (
                f"revision 0002 ({source.read_text()[3:].splitlines()[0]}) is not applied",
            )


def columns(described: dict[str, Any]) -> set[str]:
    return set(described["columns"]) | ({"base_id"} if described["parent"] else set())
