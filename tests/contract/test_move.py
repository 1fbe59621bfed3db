"""A move loses nothing, doubles nothing, changes nothing, and says what it cannot take along: both ways."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.orm import Mapped, mapped_column

from tests import postgres
from undercroft import Model
from undercroft.app.blueprint import HOUSE_TABLES
from undercroft.auth.tables import METADATA as PEOPLE
from undercroft.auth.tables import TABLES as AUTH_TABLES
from undercroft.base.faults import Fault
from undercroft.catalog.kinds import Kind
from undercroft.engine import SQLiteSettings, migrate
from undercroft.engine.migrate.place import Place
from undercroft.engine.move import Order, PostgresSide, SqliteSide, move
from undercroft.engine.move.errors import CannotMove, Differs, NotEmpty, Unreachable
from undercroft.engine.move.sums import sum_of
from undercroft.engine.move.types import Shape
from undercroft.engine.move.values import NoPlace, reader, speller, writer
from undercroft.models.base import NAMES, Numeric

pytestmark = pytest.mark.needs("postgres")


class Base(Model):
    __abstract__ = True
    metadata = sa.MetaData(naming_convention=NAMES)


class Thing(Base):
    """One column of each type."""

    __tablename__ = "things"
    id: Mapped[int] = mapped_column(primary_key=True)
    flag: Mapped[bool | None]
    small: Mapped[int | None] = mapped_column(sa.SmallInteger)
    big: Mapped[int | None] = mapped_column(sa.BigInteger)
    money: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    exact: Mapped[Decimal | None]
    plain: Mapped[Decimal | None] = mapped_column(sa.Numeric(12, 3))
    wide: Mapped[float | None]
    narrow: Mapped[float | None] = mapped_column(sa.REAL)
    said: Mapped[str | None]
    at: Mapped[datetime | None]
    local: Mapped[datetime | None] = mapped_column(sa.DateTime)
    day: Mapped[date | None]
    hour: Mapped[time | None]
    span: Mapped[timedelta | None]
    uid: Mapped[UUID | None]
    their_uid: Mapped[UUID | None] = mapped_column(sa.Uuid)
    raw: Mapped[bytes | None]
    doc: Mapped[dict[str, Any] | None]
    word: Mapped[str | None] = mapped_column(sa.Enum("a", "b", name="words"))


class Person(Base):
    """Points to itself and, by a pet, in a circle."""

    __tablename__ = "people"
    id: Mapped[int] = mapped_column(primary_key=True)
    boss_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id"))
    pet_id: Mapped[int | None] = mapped_column(sa.ForeignKey("auth.pets.id", use_alter=True))


class Pet(Base):
    """Stands in another schema."""

    __tablename__ = "pets"
    __table_args__ = (sa.Index("pets_name", "name", unique=True), {"schema": "auth"})
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    owner_id: Mapped[int] = mapped_column(sa.ForeignKey("people.id", ondelete="CASCADE"))


class Pair(Base):
    """A key of two columns."""

    __tablename__ = "pairs"
    left: Mapped[str] = mapped_column(primary_key=True)
    right: Mapped[UUID] = mapped_column(primary_key=True)
    note: Mapped[str | None]


THING = {
    "id": 1,
    "flag": True,
    "small": -32768,
    "big": 2**63 - 1,
    "money": Decimal("12345678.90"),
    "exact": Decimal("-12345678901234567890.123456789012345678900"),
    "plain": Decimal("1.005"),
    "wide": 0.1 + 0.2,
    "narrow": 0.1,
    "said": "tab\t newline\n back\\slash \\N 'quote' \"double\" é 🎈 \u2028",
    "at": datetime(2024, 2, 29, 23, 59, 59, 123450, UTC),
    "local": datetime(1, 1, 1, 0, 0, 0, 1),  # noqa: DTZ001  # of a column without a zone
    "day": date(9999, 12, 31),
    "hour": time(23, 59, 59, 999999),
    "span": timedelta(days=-1, microseconds=1),
    "uid": UUID("a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"),
    "their_uid": UUID(int=0),
    "raw": bytes(range(256)),
    "doc": {"b": [1, 2.50, None, True, "\u0001é"], "a": {"n": 10**30}},
    "word": "b",
}
EMPTY = {**dict.fromkeys(THING), "id": 7}
ROWS: dict[str, list[dict[str, Any]]] = {
    "things": [THING, EMPTY],
    "people": [{"id": 1, "boss_id": 3, "pet_id": 5}, {"id": 3, "boss_id": 1, "pet_id": None}],
    "auth.pets": [{"id": 5, "name": "Rex", "owner_id": 3}],
    "pairs": [{"left": text, "right": UUID(int=n), "note": None} for text in ("é", "Z", "a", "") for n in (2, 1)],
}
ALL = sum(len(rows) for rows in ROWS.values())


def place_of(path: Path) -> Place:
    return migrate.place_of(SQLiteSettings(path), path.parent)


def sqlite_with_rows(path: Path) -> SqliteSide:
    """A file of the models with the rows of `ROWS`, written through SQLAlchemy as an app would."""
    place = place_of(path)
    migrate.ensure(Base.metadata, place)
    with migrate.place.opened(place) as connection, connection.begin():
        for name, rows in ROWS.items():
            connection.execute(sa.insert(Base.metadata.tables[name]), rows)
    return SqliteSide(place)


def of_models(goal: SqliteSide | PostgresSide, restart: bool = False) -> Order:
    return Order(Base.metadata, lambda: migrate.ensure(Base.metadata, site_of(goal)), restart)


def site_of(goal: SqliteSide | PostgresSide) -> migrate.Site:
    return goal.place if isinstance(goal, SqliteSide) else migrate.place_at(goal.url)


def file_of(path: Path) -> Any:
    return place_of(path).library.module.connect(path, isolation_level=None)


@pytest.fixture
def urls(postgres_server: str) -> Iterator[list[str]]:
    with postgres.database(postgres_server) as one, postgres.database(postgres_server) as other:
        yield [one, other]


def ask(url: str, text: str) -> list[Any]:
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(text.encode()).fetchall()


def do(url: str, *statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


# ---------------------------------------------------------------- models


def test_models_there_and_back_with_every_type(tmp_path: Path, postgres_url: str) -> None:
    origin = sqlite_with_rows(tmp_path / "one.db")
    goal = PostgresSide(postgres_url)
    there = move(origin, goal, of_models(goal))
    assert there.rows == ALL
    assert there.notes == ()
    assert not there.resumed
    assert migrate.check(Base.metadata, site_of(goal)) == ()

    engine = sa.create_engine(postgres_url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        for name, rows in ROWS.items():
            table = Base.metadata.tables[name]
            found = connection.execute(sa.select(table).order_by(*table.primary_key.columns)).mappings().all()
            assert sorted(map(repr, map(dict, found))) == sorted(map(repr, rows)) or name == "things"
        thing = connection.execute(sa.select(Thing.__table__).where(Thing.id == 1)).mappings().one()
        assert {name: value for name, value in thing.items() if value != THING[name]} == {}
    engine.dispose()

    back = SqliteSide(place_of(tmp_path / "two.db"))
    home = move(goal, back, of_models(back))
    assert home.tables == there.tables
    one, two = file_of(tmp_path / "one.db"), file_of(tmp_path / "two.db")
    for name in ROWS:
        here, back_home = (set(map(repr, each.execute(f'select * from "{name}"'))) for each in (one, two))
        assert here == back_home, name
    one.close()
    two.close()


def test_numbers_go_on_where_they_were(tmp_path: Path, postgres_url: str) -> None:
    goal = PostgresSide(postgres_url)
    move(sqlite_with_rows(tmp_path / "one.db"), goal, of_models(goal))
    assert ask(postgres_url, "insert into things (said) values ('x') returning id") == [(8,)]
    assert ask(postgres_url, "insert into auth.pets (name, owner_id) values ('x', 1) returning id") == [(6,)]


def test_numbers_that_were_given_and_deleted_are_not_given_again(tmp_path: Path, urls: list[str]) -> None:
    do(
        urls[0],
        "create table t (id bigint generated always as identity primary key, v text)",
        "insert into t (v) select 'x' from generate_series(1, 9)",
        "delete from t where id > 2",
    )
    move(PostgresSide(urls[0]), PostgresSide(urls[1]), Order())
    assert ask(urls[1], "insert into t (v) values ('y') returning id") == [(10,)]
    with_counter = SqliteSide(place_of(tmp_path / "a.db"))
    connection = file_of(tmp_path / "a.db")
    connection.execute("create table t (id integer primary key autoincrement, v text)")
    connection.executemany("insert into t (v) values (?)", [("x",)] * 9)
    connection.execute("delete from t where id > 2")
    connection.close()
    do(urls[1], "drop table t")
    move(with_counter, PostgresSide(urls[1]), Order())
    assert ask(urls[1], "insert into t (v) values ('y') returning id") == [(10,)]


def test_foreign_keys_are_in_force_afterwards(tmp_path: Path, postgres_url: str) -> None:
    goal = PostgresSide(postgres_url)
    move(sqlite_with_rows(tmp_path / "one.db"), goal, of_models(goal))
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        do(postgres_url, "insert into people (id, boss_id) values (50, 51)")
    do(
        postgres_url,
        "update people set boss_id = null, pet_id = null",
        "delete from auth.pets",
        "delete from people where id = 3",
    )
    assert ask(postgres_url, "select count(*) from pg_constraint where contype = 'f'") == [(3,)]
    assert ask(postgres_url, "select count(*) from pg_class where relname ~ '^_undercroft_move'") == [(0,)]


def test_rows_that_point_nowhere_are_told(tmp_path: Path, postgres_url: str) -> None:
    origin, goal = sqlite_with_rows(tmp_path / "one.db"), PostgresSide(postgres_url)
    connection = file_of(tmp_path / "one.db")
    connection.execute("update people set boss_id = 99 where id = 1")
    with pytest.raises(CannotMove, match="people") as caught:
        move(origin, goal, of_models(goal))
    assert "--restart" in str(caught.value.hint)
    connection.execute("update people set boss_id = 3 where id = 1")
    connection.close()
    assert move(origin, goal, of_models(goal, restart=True)).rows == ALL


def test_a_source_that_is_behind_its_models_is_told(tmp_path: Path, postgres_url: str) -> None:
    connection = file_of(tmp_path / "one.db")
    connection.execute("create table things (id integer primary key)")
    connection.close()
    goal = PostgresSide(postgres_url)
    with pytest.raises(CannotMove, match=r"auth\.pets, pairs, people"):
        move(SqliteSide(place_of(tmp_path / "one.db")), goal, of_models(goal))


def test_tables_of_no_model_are_named(tmp_path: Path, postgres_url: str) -> None:
    origin, goal = sqlite_with_rows(tmp_path / "one.db"), PostgresSide(postgres_url)
    connection = file_of(tmp_path / "one.db")
    connection.execute("create table extra (id integer primary key)")
    connection.close()
    assert move(origin, goal, of_models(goal)).notes == ("the table extra is in no model, and is left behind",)


# ---------------------------------------------------------------- refusals


@pytest.mark.parametrize("models", [True, False])
def test_a_target_with_rows_is_refused_and_left_alone(tmp_path: Path, postgres_url: str, *, models: bool) -> None:
    origin, goal = sqlite_with_rows(tmp_path / "one.db"), PostgresSide(postgres_url)
    migrate.ensure(Base.metadata, site_of(goal))
    do(postgres_url, "insert into people (id) values (1)")
    with pytest.raises(NotEmpty, match="people"):
        move(origin, goal, of_models(goal) if models else Order())
    assert ask(postgres_url, "select count(*) from people") == [(1,)]
    assert ask(postgres_url, "select count(*) from pg_class where relname ~ '^_undercroft_move'") == [(0,)]
    assert move(goal, SqliteSide(place_of(tmp_path / "two.db")), Order()).rows == 1


@pytest.mark.parametrize(
    ("column", "value", "word"),
    [
        ("said", "'a' || char(0)", "NUL"),
        ("big", "'seven'", "seven"),
        ("flag", "2", "boolean"),
        ("at", "'yesterday'", "yesterday"),
        ("uid", "'no'", "UUID"),
        ("exact", "'1e'", "1e"),
        ("small", "40000", "smallint"),
        ("word", "'c'", "words"),
        ("doc", "'{'", "json"),
    ],
)
def test_a_value_without_a_place_is_named(
    tmp_path: Path, postgres_url: str, column: str, value: str, word: str
) -> None:
    origin, goal = sqlite_with_rows(tmp_path / "one.db"), PostgresSide(postgres_url)
    connection = file_of(tmp_path / "one.db")
    connection.execute("pragma ignore_check_constraints=on")
    connection.execute(f"update things set {column} = {value} where id = 7")
    with pytest.raises(CannotMove, match="things") as caught:
        move(origin, goal, of_models(goal))
    assert word in f"{caught.value.message} {caught.value.details}"
    connection.execute(f"update things set {column} = null where id = 7")
    connection.close()
    assert move(origin, goal, of_models(goal)).rows == ALL


@pytest.mark.parametrize(
    ("column", "value", "word"),
    [
        ("wide", "'NaN'", "NaN"),
        ("exact", "'Infinity'", "Infinity"),
        ("at", "'infinity'", "infinity"),
        ("day", "'0044-03-15 BC'", "BC"),
        ("day", "'10000-01-01'", "10000"),
        ("span", "'1 month'", "mon"),
    ],
)
def test_a_value_that_sqlite_has_no_place_for_is_named(
    tmp_path: Path, postgres_url: str, column: str, value: str, word: str
) -> None:
    origin, goal = PostgresSide(postgres_url), SqliteSide(place_of(tmp_path / "one.db"))
    migrate.ensure(Base.metadata, site_of(origin))
    do(postgres_url, f"insert into things (id, {column}) values (4, {value})")
    with pytest.raises(CannotMove, match=rf"things\.{column}") as caught:
        move(origin, goal, of_models(goal))
    assert word in caught.value.message
    assert "id = '4'" in str(caught.value.details)


def test_no_database_and_no_server_are_faults(tmp_path: Path, postgres_url: str) -> None:
    with pytest.raises(Unreachable, match=r"nothing\.db"):
        move(SqliteSide(place_of(tmp_path / "nothing.db")), PostgresSide(postgres_url), Order())
    nowhere = PostgresSide(f"postgresql://me:secret@/db?host={tmp_path}")
    with pytest.raises(Unreachable) as caught:
        move(nowhere, SqliteSide(place_of(tmp_path / "one.db")), Order())
    assert "secret" not in f"{caught.value.message} {nowhere.name} {nowhere.identity}"


def test_the_same_file_is_not_moved_twice_at_once(tmp_path: Path, postgres_url: str) -> None:
    goal = PostgresSide(postgres_url)
    with PostgresSide(postgres_url).writing(), pytest.raises(Fault, match="another move"):
        move(sqlite_with_rows(tmp_path / "one.db"), goal, of_models(goal))


# ---------------------------------------------------------------- interrupted


class Stop(Exception):
    """The power is gone."""


class Weak(PostgresSide):
    """Loses its power at one of its calls."""

    calls = 0
    last = 10**9

    def write(self, *args: Any) -> None:
        if self.calls == self.last:
            raise Stop
        self.calls += 1
        super().write(*args)

    def finish(self, *args: Any) -> list[str]:
        super().finish(*args)
        if self.calls == self.last:
            raise Stop
        return []


def test_resumed_at_every_chunk_nothing_is_lost_or_doubled(
    tmp_path: Path, postgres_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("undercroft.engine.move.run.CHUNK_ROWS", 1)
    origin = sqlite_with_rows(tmp_path / "one.db")
    connection = file_of(tmp_path / "one.db")
    connection.execute("create table keyless (v)")
    connection.executemany("insert into keyless values (?)", [("x",), ("x",), (None,)])
    connection.close()
    with postgres.database(postgres_server) as url:
        goal = Weak(url)
        want = move(origin, goal, Order())
        calls = goal.calls
    assert calls > ALL
    for last in {*range(0, calls, 5), calls - 1, calls}:
        with postgres.database(postgres_server) as url:
            goal = Weak(url)
            goal.last = last
            with pytest.raises(Stop):
                move(origin, goal, Order())
            found = move(origin, PostgresSide(url), Order())
            assert found.tables == want.tables, last
            assert found.resumed


def test_another_source_does_not_go_on_with_a_move(tmp_path: Path, postgres_url: str) -> None:
    one, goal = sqlite_with_rows(tmp_path / "one.db"), Weak(postgres_url)
    goal.last = 2
    with pytest.raises(Stop):
        move(one, goal, of_models(goal))
    other = sqlite_with_rows(tmp_path / "other.db")
    with pytest.raises(NotEmpty, match=r"one\.db"):
        move(other, PostgresSide(postgres_url), of_models(goal))
    assert move(other, PostgresSide(postgres_url), of_models(goal, restart=True)).rows == ALL


def test_into_sqlite_a_move_goes_on_too(tmp_path: Path, urls: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("undercroft.engine.move.run.CHUNK_ROWS", 3)
    do(
        urls[0],
        "create table t (a text, b int, c text, primary key (a, b))",
        "insert into t select chr(64 + n % 7), n, repeat('x', n) from generate_series(1, 20) n",
        "create table keyless (v int)",
        "insert into keyless select n % 3 from generate_series(1, 10) n",
    )
    path, seen = tmp_path / "goal.db", 0

    def tell(_: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == limit:
            raise Stop

    for limit in (1, 2, 4, 7, 11, 13):  # noqa: B007  # `tell` looks at it
        seen = 0
        with pytest.raises(Stop):
            move(PostgresSide(urls[0]), SqliteSide(place_of(path)), Order(on_progress=tell))
        found = move(PostgresSide(urls[0]), SqliteSide(place_of(path)), Order())
        assert found.rows == 30
        path.unlink()


# ---------------------------------------------------------------- comparing


def test_a_row_that_differs_is_found(tmp_path: Path, postgres_url: str) -> None:
    class Wrong(PostgresSide):
        def write(self, shape: Shape, rows: Sequence[Any], mark: Any) -> None:
            wrong = [row if row[0] != "5" else (row[0], "Max", *row[2:]) for row in rows]
            super().write(shape, wrong if shape.title == "auth.pets" else rows, mark)

    goal = Wrong(postgres_url)
    with pytest.raises(Differs, match="1 of 4 tables") as caught:
        move(sqlite_with_rows(tmp_path / "one.db"), goal, of_models(goal))
    assert "auth.pets: 1 rows" in str(caught.value.details)


def test_the_checksum_sees_every_kind_of_change() -> None:
    shape = Shape.of(Pair.__table__)  # type: ignore[arg-type]  # it is a Table
    rows = [("a", "b", None), ("c", "d", "e")]
    want = sum_of(shape, rows)
    assert sum_of(shape, rows[::-1]) == want
    for changed in (
        [*rows, rows[0]],
        rows[:1],
        [("a", "b", ""), rows[1]],
        [("ab", "", None), rows[1]],
        [("a", "b", "None"), rows[1]],
        [("a", "b", "e"), ("c", "d", None)],
        [],
    ):
        assert sum_of(shape, changed) != want


MICROSECOND = timedelta(microseconds=1)
TYPES: list[tuple[Any, Any]] = [
    (sa.BigInteger(), st.integers(-(2**63), 2**63 - 1)),
    (sa.Boolean(), st.booleans()),
    (sa.Text(), st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))),
    (sa.Double(), st.floats(allow_nan=False)),
    (Numeric(), st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**40), max_value=10**40)),
    (Numeric(12, 3), st.decimals(-(10**9) + 1, 10**9 - 1, places=3)),
    (Model.type_annotation_map[datetime], st.datetimes(timezones=st.just(UTC))),
    (sa.DateTime(), st.datetimes()),
    (sa.Date(), st.dates()),
    (sa.Time(), st.times()),
    (sa.Interval(), st.timedeltas(timedelta(days=-700_000), timedelta(days=700_000))),
    (sa.Uuid(), st.uuids()),
    (Model.type_annotation_map[UUID], st.uuids()),
    (sa.LargeBinary(), st.binary()),
]


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_what_sqlalchemy_stores_is_read_and_stored_again_as_it_was(data: st.DataObject) -> None:
    type_, values = data.draw(st.sampled_from(TYPES))
    side = SqliteSide(place_of(Path("unused.db")))
    bind = type_.dialect_impl(side.dialect).bind_processor(side.dialect)
    value = data.draw(values)
    stored = bind(value) if bind else value
    stored = stored.obj if isinstance(stored, memoryview) else stored
    kind = Shape.of(sa.Table("t", sa.MetaData(), sa.Column("c", type_))).fields[0].kind
    text = reader(type_, kind, side.dialect)(stored)
    again = writer(type_, kind, side.dialect)(text)
    assert again == stored
    spelled = speller(kind)
    assert spelled is None or spelled(text) == spelled(reader(type_, kind, side.dialect)(again))


def test_one_value_has_one_spelling() -> None:
    def same(kind: Kind, *texts: str) -> bool:
        spelled = speller(kind)
        assert spelled is not None
        return len({spelled(text) for text in texts}) == 1

    assert same(Kind.NUMERIC, "1.10", "1.1", "1.100", "11e-1")
    assert not same(Kind.NUMERIC, "1.10", "1.101")
    assert same(Kind.NUMERIC, "0", "-0.00")
    assert same(Kind.JSON, '{"a":1, "b":[1.0]}', '{"b": [1], "a": 1}')
    assert not same(Kind.JSON, '{"a":"1"}', '{"a":1}')
    assert not same(Kind.JSON, "9007199254740993", "9007199254740992")
    assert same(Kind.INTERVAL, "1 day", "24:00:00")
    assert same(Kind.INTERVAL, "-1 days +02:03:00", "-21:57:00")
    assert not same(Kind.INTERVAL, "1 mon", "30 days")
    assert same(Kind.DOUBLE, "1", "1.0")
    with pytest.raises(NoPlace):
        writer(sa.Interval(), Kind.INTERVAL, SqliteSide(place_of(Path("unused.db"))).dialect)("1 mon")


# ---------------------------------------------------------------- by reflection

OLD_FILE = """
create table authors (id integer primary key autoincrement, name varchar(10) not null unique,
    since date default '2001-01-01',
    kind text default 'poet' check (kind in ('poet', 'other')), seen datetime default current_timestamp);
create table books (isbn text primary key, author integer not null references authors on delete cascade,
    price decimal(6,2),
    active boolean default 1, doc json, cover blob, rank real, check (price > 0)) without rowid;
create index books_author on books (author) where price > 1;
create table "Odd ""Name" ("select" int, "a b" text);
create view v as select * from books;
insert into authors (id, name, seen) values (2, 'Ann', '2024-01-02 03:04:05'), (9, 'Bea', null);
insert into books values ('b', 9, 1.5, 1, '{"z":1,"a":2.0}', x'00ff', 0.1), ('a', 2, 20, 0, 'null', null, 1e300);
insert into "Odd ""Name" values (1, 'x'), (1, 'x'), (null, null);
"""


def test_an_existing_file_goes_to_postgresql_and_comes_back(tmp_path: Path, urls: list[str]) -> None:
    connection = file_of(tmp_path / "old.db")
    connection.executescript(OLD_FILE)
    connection.close()
    there = move(SqliteSide(place_of(tmp_path / "old.db")), PostgresSide(urls[0]), Order())
    assert there.notes == ("the view v is left behind",)
    assert {each.table: each.rows for each in there.tables} == {"authors": 2, "books": 2, 'Odd "Name': 3}
    assert ask(urls[0], "select isbn, price, active, doc->>'a', cover, rank from books order by isbn") == [
        ("a", Decimal("20.00"), False, None, None, 1e300),
        ("b", Decimal("1.50"), True, "2.0", b"\x00\xff", 0.1),
    ]
    assert ask(urls[0], "insert into authors (name) values ('Eve') returning id, since, kind, seen is null") == [
        (10, date(2001, 1, 1), "poet", False)
    ]
    for wrong in (
        "insert into books (isbn, author) values ('c', 99)",
        "insert into authors (name) values ('Ann')",
        "insert into authors (name, kind) values ('Eva', 'x')",
        "update books set price = 0",
    ):
        with pytest.raises(psycopg.IntegrityError):
            do(urls[0], wrong)
    do(urls[0], "delete from authors where id = 10")
    assert ask(urls[0], "select indexdef from pg_indexes where indexname = 'books_author'")[0][0].endswith(
        "WHERE (price > (1)::numeric)"
    )
    home = move(PostgresSide(urls[0]), SqliteSide(place_of(tmp_path / "new.db")), Order())
    assert home.tables == there.tables
    again = file_of(tmp_path / "new.db")
    again.execute("pragma foreign_keys=on")
    for wrong in ("insert into books (isbn, author) values ('c', 99)", "insert into authors (name) values ('Ann')"):
        with pytest.raises(place_of(tmp_path / "new.db").library.module.IntegrityError):
            again.execute(wrong)
    again.execute("delete from authors where id = 9")
    assert again.execute("select isbn from books").fetchall() == [("a",)]
    again.close()


DATABASE = """
create schema shop;
create type mood as enum ('sad', 'ok');
create table shop.item (id uuid primary key default gen_random_uuid(), price numeric(30,4), feeling mood,
    tags text[],
    made timestamptz not null default now(),
    kept interval, doc jsonb, small smallint, code char(3), at inet);
create table sale (id bigserial primary key, item uuid references shop.item deferrable initially deferred,
    n int check (n > 0),
    twice int generated always as (n * 2) stored);
create table part (id int, at date) partition by range (at);
create table part_1 partition of part for values from ('2024-01-01') to ('2025-01-01');
insert into part values (1, '2024-05-05');
insert into shop.item values ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 12345678901234567890.1234, 'ok', '{a,"b c"}',
    '2024-01-02 03:04:05.678+02', '2 days', '{"b":1,"a":1.50}', -1, 'x', '10.0.0.1');
insert into sale (item, n) values ('a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', 3);
"""


def test_an_existing_database_goes_to_sqlite_and_comes_back(tmp_path: Path, urls: list[str]) -> None:
    do(urls[0], *[part for part in DATABASE.split(";\n") if part.strip()])
    there = move(PostgresSide(urls[0]), SqliteSide(place_of(tmp_path / "one.db")), Order())
    assert [(each.table, each.rows) for each in there.tables] == [("part", 1), ("sale", 1), ("shop.item", 1)]
    told = "\n".join(there.notes)
    for left in ("gen_random_uuid()", "sale.twice", "shop.item.tags", "shop.item.at"):
        assert left in told
    connection = file_of(tmp_path / "one.db")
    assert connection.execute('select price, feeling, tags, made, doc from "shop.item"').fetchall() == [
        ("12345678901234567890.1234", "ok", '{a,"b c"}', "2024-01-02T01:04:05.678+00:00", '{"a": 1.50, "b": 1}')
    ]
    with pytest.raises(place_of(tmp_path / "one.db").library.module.IntegrityError):
        connection.execute("insert into sale (n) values (0)")
    connection.close()
    home = move(SqliteSide(place_of(tmp_path / "one.db")), PostgresSide(urls[1]), Order())
    assert home.tables == there.tables
    types = """
        select attname, format_type(atttypid, atttypmod) from pg_attribute
        where attrelid = 'shop.item'::regclass and attnum > 0
    """
    kept = set(ask(urls[0], types)) & set(ask(urls[1], types))
    assert {name for name, _ in kept} == {"id", "price", "made", "kept", "doc", "small"}


def test_one_schema_of_several(tmp_path: Path, postgres_url: str) -> None:
    do(postgres_url, "create schema a", "create table a.t (id int primary key)", "create table u (id int primary key)")
    found = move(PostgresSide(postgres_url, ["a"]), SqliteSide(place_of(tmp_path / "one.db")), Order())
    assert [each.table for each in found.tables] == ["a.t"]


# ---------------------------------------------------------------- the command

APP = """
from sqlalchemy.orm import Mapped, mapped_column
from undercroft import App, Model
app = App()
class Note(Model):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    body: Mapped[str]
"""


def command(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "undercroft", "move", *words]
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


def _make_house_tables(url: str) -> None:
    """What every app has beside its own tables."""
    engine = sa.create_engine(url.replace("postgresql://", "postgresql+psycopg://"))
    with engine.begin() as connection:
        PEOPLE.create_all(connection, tables=AUTH_TABLES)
        for metadata in HOUSE_TABLES:
            metadata.create_all(connection)
    engine.dispose()


def test_the_command_says_what_it_did_and_what_to_do(tmp_path: Path, postgres_url: str) -> None:
    connection = file_of(tmp_path / "old.db")
    connection.execute("create table notes (id integer primary key, body text)")
    connection.executemany("insert into notes (body) values (?)", [("a",), ("b",)])
    connection.close()
    words = ("--from", "sqlite:///old.db", "--to", postgres_url)
    told = command(*words, folder=tmp_path)
    assert told.returncode == 0, told.stderr
    assert "notes: 2 rows" in told.stdout
    again = command(*words, "--json", folder=tmp_path)
    assert again.returncode == 2
    assert json.loads(again.stdout)["error"]["code"] == "UC211"
    (tmp_path / "app.py").write_text(APP)
    back = command("app.py", "--from", postgres_url, "--to", "sqlite:///new.db", "--json", folder=tmp_path)
    assert back.returncode == 2
    assert "auth.users" in json.loads(back.stdout)["error"]["message"]
    do(
        postgres_url,
        "create schema auth",
        "create schema undercroft",
    )
    _make_house_tables(postgres_url)
    back = command("app.py", "--from", postgres_url, "--to", "sqlite:///new.db", "--json", folder=tmp_path)
    assert back.returncode == 0, back.stderr
    assert json.loads(back.stdout)["rows"] == 2
    assert "secret" not in back.stdout
    assert command("--from", "mysql://x", "--to", postgres_url, folder=tmp_path).returncode == 2
    same = command("--from", "sqlite:///new.db", "--to", f"sqlite:///{tmp_path}/new.db", folder=tmp_path)
    assert "the same database" in same.stderr
