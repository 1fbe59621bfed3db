"""From any models to any other on PostgreSQL; and the same revision files on either engine, whichever wrote them."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, MetaData, Table, UniqueConstraint, text

from tests.unit.engine.migrating import CONVENTION, place_in
from undercroft import Numeric, Timestamp, Uuid
from undercroft.engine import migrate
from undercroft.engine.migrate import Rename, Site
from undercroft.engine.migrate.errors import DataForbids

pytestmark = pytest.mark.needs("postgres")

TYPES: dict[str, tuple[Any, str]] = {
    "int": (Integer, "1"),
    "big": (sa.BigInteger, "2"),
    "text": (sa.Text, "a"),
    "string": (lambda: sa.String(40), "b"),
    "bool": (sa.Boolean, "false"),
    "float": (sa.Double, "1.5"),
    "numeric": (lambda: sa.Numeric(10, 2), "2.50"),
    "exact": (Numeric, "3.25"),
    "date": (sa.Date, "2026-01-02"),
    "moment": (Timestamp, "now"),
    "json": (sa.JSON, "{}"),
    "uuid": (Uuid, "aaaaaaa1-0000-4000-8000-000000000001"),
    "blob": (sa.LargeBinary, ""),
    "enum": (lambda: sa.Enum("a", "b", name="letters"), "a"),
    "words": (lambda: sa.Enum("a", "b", "c d", name="words"), "c d"),
}
COLUMNS = ("alpha", "beta", "gamma", "order", "Mixed Case", "per%cent")
TABLES = ("one", "two", "auth.three")
Described = dict[str, dict[str, Any]]


def random_schema(chance: random.Random) -> Described:
    return {
        name: {
            "columns": {
                column: {
                    "type": chance.choice(sorted(TYPES)),
                    "nullable": chance.random() < 0.6,
                    "default": chance.random() < 0.5,
                    "unique": chance.random() < 0.2,
                    "index": chance.random() < 0.3,
                }
                for column in chance.sample(COLUMNS, chance.randint(1, 4))
            },
            **{each: chance.random() < 0.4 for each in ("check", "pair", "parent", "partial", "expression")},
        }
        for name in chance.sample(TABLES, chance.randint(1, 3))
    }


def build(described: Described) -> MetaData:
    metadata = MetaData(naming_convention=CONVENTION)
    Table("base", metadata, Column("id", Integer, primary_key=True))
    for name, each in sorted(described.items()):
        owner, _, plain = name.rpartition(".")
        extra: list[Any] = []
        words = [key for key, value in each["columns"].items() if value["type"] in ("text", "string")]
        plains = [key for key, value in each["columns"].items() if value["type"] != "json"]
        if each["check"] and words:
            extra.append(CheckConstraint(f'length("{words[0]}") < 100', name="short"))
        if each["pair"] and plains:
            extra.append(UniqueConstraint(plains[0], "id"))
        if each["parent"]:
            extra.append(Column("base_id", ForeignKey("base.id", ondelete="CASCADE")))
        if each["partial"] and plains and "%" not in plains[0]:
            where = text(f'"{plains[0]}" IS NOT NULL')
            extra.append(
                Index(f"{plain}_partial", text(f'"{plains[0]}" DESC'), sqlite_where=where, postgresql_where=where)
            )
        if each["expression"] and words and "%" not in words[0]:
            extra.append(Index(f"{plain}_expression", text(f'lower("{words[0]}")')))
        columns = [column_of(key, value) for key, value in each["columns"].items()]
        Table(plain, metadata, Column("id", Integer, primary_key=True), *columns, *extra, schema=owner or None)
    return metadata


def column_of(name: str, value: dict[str, Any]) -> Column[Any]:
    type_, default = TYPES[value["type"]]
    json = value["type"] == "json"
    server_default: Any = default if value["default"] or not value["nullable"] else None
    if value["type"] == "moment" and server_default is not None:
        server_default = sa.func.now()
    if value["type"] == "bool" and server_default is not None:
        server_default = sa.false()
    return Column(
        name, type_(), nullable=value["nullable"], server_default=server_default,
        unique=value["unique"] and not json, index=value["index"] and not json,
    )  # fmt: skip


def answers(before: Described, after: Described) -> list[Rename]:
    """Nothing was renamed."""
    gone = [Rename(name, None) for name in before.keys() - after.keys()] if after.keys() - before.keys() else []
    for name in before.keys() & after.keys():
        less, more = (
            columns_of(before[name]) - columns_of(after[name]),
            columns_of(after[name]) - columns_of(before[name]),
        )
        gone += [Rename(each, None, name) for each in less] if more else []
    return gone


def columns_of(described: dict[str, Any]) -> set[str]:
    return set(described["columns"]) | ({"base_id"} if described["parent"] else set())


def run(url: str, *statements: str) -> list[Any]:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement.encode())
        return list(cursor.fetchall()) if cursor.description else []


def test_any_models_lead_to_any_other_by_files_that_run_on_both_engines(
    postgres_server: str, rounds: Callable[[int, int], int]
) -> None:
    from tests import postgres

    for seed in range(rounds(5, 400)):
        with postgres.database(postgres_server) as url, tempfile.TemporaryDirectory() as folder:
            lead(random.Random(seed), url, Path(folder))


def lead(chance: random.Random, url: str, folder: Path) -> None:
    sites: list[Site] = [migrate.place_at(url), place_in(folder, "pysqlite3")]
    first, second = chance.sample(sites, 2)
    files = folder / "migrations"
    before, after = random_schema(chance), random_schema(chance)
    old, new = build(before), build(after)
    migrate.make(old, first, files)
    for site in sites:
        migrate.up(site, files)
        assert migrate.check(old, site, files) == ()
    filled = [name for name in before if chance.random() < 0.7]
    quoted = [".".join(f'"{part}"' for part in name.split(".")) for name in filled]
    run(url, *(f"INSERT INTO {name} DEFAULT VALUES" for name in quoted), "SELECT 1")
    kept = [name for name, plain in zip(quoted, filled, strict=True) if plain in after]
    migrate.make(new, second, files, renames=answers(before, after))
    for site in sites:
        try:
            migrate.up(site, files, allow_data_loss=True)
        except DataForbids:
            assert site is sites[0]
            return
        assert migrate.check(new, site, files) == ()
        assert not migrate.ensure(new, site, files).changed
    assert all(run(url, f"SELECT count(*) FROM {name}") == [(1,)] for name in kept)
    source = next(files.glob("versions/0002_*.py"), None)
    if source is not None and "NotImplementedError" not in source.read_text():
        migrate.down(second, files, allow_data_loss=True)
        assert all("is not applied" in each for each in migrate.check(new, second, files))


def test_a_percent_sign_means_itself(postgres_url: str, tmp_path: Path) -> None:
    """To a driver it is more than that; neither files nor the database are to see the difference."""
    metadata = MetaData(naming_convention=CONVENTION)
    checks = (CheckConstraint("email LIKE '%@%'", name="mail"), CheckConstraint('length("per%cent") < 3', name="short"))
    Table("one", metadata, Column("per%cent", sa.Text), Column("email", sa.Text, server_default="a@%"), *checks)
    sites: list[Site] = [migrate.place_at(postgres_url), place_in(tmp_path, "pysqlite3")]
    migrate.make(metadata, sites[1], tmp_path / "migrations")
    for site in sites:
        migrate.up(site, tmp_path / "migrations")
        assert migrate.check(metadata, site, tmp_path / "migrations") == ()
    found = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname LIKE 'one_%' ORDER BY 1"
    expected = ["CHECK ((email ~~ '%@%'::text))", 'CHECK ((length("per%cent") < 3))']
    assert [row[0] for row in run(postgres_url, found)] == expected


def test_a_percent_sign_means_itself_where_files_are_made_on_postgresql(postgres_url: str, tmp_path: Path) -> None:
    metadata = MetaData(naming_convention=CONVENTION)
    Table("one", metadata, Column("id", Integer, primary_key=True), Column("per%cent", sa.Text))
    site, files = migrate.place_at(postgres_url), tmp_path / "migrations"
    migrate.make(metadata, site, files)
    migrate.up(site, files)
    metadata.tables["one"].append_constraint(CheckConstraint('length("per%cent") < 3', name="short"))
    migrate.make(metadata, site, files)
    migrate.up(site, files)
    assert migrate.check(metadata, site, files) == ()


def test_of_several_hosts_the_one_that_answers_is_migrated(postgres_url: str, tmp_path: Path) -> None:
    """By libpq's reading of the URL, as requests are served."""
    from psycopg.conninfo import conninfo_to_dict

    given = {"port": "5432", **conninfo_to_dict(postgres_url)}
    words = {**given, "host": f"/nowhere,{given['host']}", "port": f"1,{given['port']}"}
    several = f"postgresql:///?{urlencode(words)}"
    metadata = MetaData(naming_convention=CONVENTION)
    Table("one", metadata, Column("id", Integer, primary_key=True))
    migrate.ensure(metadata, migrate.place_at(several))
    assert migrate.check(metadata, migrate.place_at(postgres_url)) == ()


def test_a_type_with_a_variant_is_written_for_both_engines(postgres_url: str, tmp_path: Path) -> None:
    metadata = MetaData(naming_convention=CONVENTION)
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    Table("one", metadata, Column("id", number, primary_key=True), Column("other", number), sqlite_autoincrement=True)
    postgres, lite = migrate.place_at(postgres_url), place_in(tmp_path, "pysqlite3")
    for maker in (postgres, lite):
        files = tmp_path / type(maker).__name__
        migrate.make(metadata, maker, files)
        for site in (postgres, lite):
            migrate.up(site, files)
            assert migrate.check(metadata, site, files) == ()
        types = "SELECT DISTINCT data_type FROM information_schema.columns WHERE table_name = 'one'"
        assert run(postgres_url, types) == [("bigint",)]
        for site in (postgres, lite):
            migrate.down(site, files, allow_data_loss=True)
