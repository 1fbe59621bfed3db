"""A catalog off MetaData: kinds, keys, what has a default, and the relations between tables."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from undercroft.base.faults import SetupFault
from undercroft.catalog.kinds import Kind, kind_of
from undercroft.catalog.reader import mappers_of, read_catalog
from undercroft.models.base import NAMES, Model, Numeric, Timestamp, Uuid


class Coded(sa.TypeDecorator[str]):
    """A type of the app's own over a known one."""

    impl = sa.Text
    cache_ok = True


@pytest.mark.parametrize(
    ("type_", "kind"),
    [
        (sa.Boolean(), Kind.BOOLEAN), (sa.SmallInteger(), Kind.SMALLINT), (sa.Integer(), Kind.INTEGER),
        (sa.BigInteger(), Kind.BIGINT), (sa.Numeric(), Kind.NUMERIC), (sa.Float(), Kind.DOUBLE),
        (sa.Double(), Kind.DOUBLE), (sa.REAL(), Kind.REAL), (sa.Text(), Kind.TEXT), (sa.String(5), Kind.TEXT),
        (sa.VARCHAR(5), Kind.VARCHAR), (sa.Unicode(), Kind.TEXT), (sa.Enum("a"), Kind.ENUM), (sa.Date(), Kind.DATE),
        (sa.Time(), Kind.TIME), (sa.DateTime(), Kind.TIMESTAMP), (sa.DateTime(timezone=True), Kind.TIMESTAMPTZ),
        (sa.Interval(), Kind.INTERVAL), (sa.Uuid(), Kind.UUID), (sa.LargeBinary(), Kind.BYTES), (sa.JSON(), Kind.JSON),
        (postgresql.JSONB(), Kind.JSONB), (postgresql.UUID(), Kind.UUID), (Timestamp(), Kind.TIMESTAMPTZ),
        (Uuid(), Kind.UUID), (Numeric(5, 2), Kind.NUMERIC), (Coded(), Kind.TEXT), (sa.types.NullType(), Kind.OTHER),
        (postgresql.INET(), Kind.OTHER),
    ],
)  # fmt: skip
def test_kinds(type_: Any, kind: Kind) -> None:
    assert kind_of(type_) is kind


def test_annotations_of_models_have_the_kinds_one_expects() -> None:
    expected = {str: Kind.TEXT, UUID: Kind.UUID, float: Kind.DOUBLE, dict[str, Any]: Kind.JSON}
    for annotation, kind in expected.items():
        assert kind_of(Model.type_annotation_map[annotation]) is kind


class Base(DeclarativeBase):
    metadata = sa.MetaData(naming_convention=NAMES)


class Person(Base):
    """People."""

    __tablename__ = "people"
    __table_args__ = (sa.UniqueConstraint("first", "last"), sa.Index(None, "nick", unique=True))
    id: Mapped[int] = mapped_column(primary_key=True)
    first: Mapped[str]
    last: Mapped[str | None]
    nick: Mapped[str | None]
    mail: Mapped[str | None] = mapped_column(unique=True, comment="where to write")
    hours: Mapped[timedelta] = mapped_column(server_default="1970-01-01")
    whole: Mapped[str] = mapped_column(sa.Computed("first || last"))
    boss_id: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id"))
    boss: Mapped[Person | None] = relationship(remote_side=id, back_populates="staff")
    staff: Mapped[list[Person]] = relationship(back_populates="boss")
    clubs: Mapped[list[Club]] = relationship(secondary="members", back_populates="people")


class Desk(Base):
    __tablename__ = "desks"
    owner: Mapped[int] = mapped_column(sa.ForeignKey("people.id"), primary_key=True)
    guest: Mapped[int | None] = mapped_column(sa.ForeignKey("people.id"))


class Club(Base):
    __tablename__ = "clubs"
    id: Mapped[int] = mapped_column(primary_key=True)
    people: Mapped[list[Person]] = relationship(secondary="members", back_populates="clubs")


MEMBERS = sa.Table(
    "members",
    Base.metadata,
    sa.Column("person", sa.ForeignKey("people.id"), primary_key=True),
    sa.Column("club", sa.ForeignKey("clubs.id"), primary_key=True),
)
sa.Table("hidden", Base.metadata, sa.Column("id", sa.Integer, primary_key=True), schema="inner")
CATALOG = read_catalog(Base.metadata, mappers=mappers_of(Base), spoken="api")


def test_tables_are_those_of_the_schema() -> None:
    assert set(CATALOG.tables) == {"people", "desks", "clubs", "members"}
    people = CATALOG.tables["people"]
    assert (people.qualified, people.primary_key, people.entity, people.comment) == (
        "api.people",
        ("id",),
        Person,
        "People.",
    )
    assert people.unique == (("first", "last"), ("mail",), ("nick",))
    assert CATALOG.tables["members"].entity is None
    assert CATALOG.tables["clubs"].comment is None
    inner = read_catalog(Base.metadata, schema="inner")
    assert set(inner.tables) == {"hidden"}


def test_columns_say_what_an_insert_may_leave_out() -> None:
    columns = CATALOG.tables["people"].columns
    assert {name for name, column in columns.items() if column.has_default} >= {"id", "hours"}
    assert not columns["first"].has_default
    assert columns["whole"].generated
    assert [name for name, column in columns.items() if not column.nullable] == ["id", "first", "hours", "whole"]
    assert columns["mail"].comment == "where to write"
    assert columns["hours"].pg_type == "interval"


def relations(source: str) -> set[tuple[Any, ...]]:
    return {(each.kind, each.target, each.constraint, tuple(sorted(each.names))) for each in CATALOG.relations[source]}


def test_relations_run_along_keys_against_them_and_through_junctions() -> None:
    assert relations("people") == {
        ("m2o", "people", "people_boss_id_fkey", ("boss",)),
        ("o2m", "people", "people_boss_id_fkey", ("staff",)),
        ("o2o", "desks", "desks_owner_fkey", ()),
        ("o2m", "desks", "desks_guest_fkey", ()),
        ("o2m", "members", "members_person_fkey", ()),
        ("m2m", "clubs", "members_person_fkey", ("clubs",)),
    }
    assert relations("desks") == {
        ("o2o", "people", "desks_owner_fkey", ()),
        ("m2o", "people", "desks_guest_fkey", ()),
    }
    assert ("m2m", "people", "members_club_fkey", ("people",)) in relations("clubs")


def test_pairs_lead_from_the_source_to_the_target() -> None:
    found = {each.constraint: each.pairs for each in CATALOG.relations["desks"]}
    assert found == {"desks_owner_fkey": (("owner", "id"),), "desks_guest_fkey": (("guest", "id"),)}
    (through,) = [each for each in CATALOG.relations["people"] if each.junction]
    assert through.junction is not None
    assert (through.junction.source_pairs, through.junction.target_pairs) == ((("id", "person"),), (("id", "club"),))
    assert through.to_one is False


@pytest.mark.parametrize(
    ("index", "unique"),
    [
        (lambda c: [c.box], True),
        (lambda c: [c.box.desc()], True),
        (lambda c: [c.box.desc().nulls_last()], True),
        (lambda c: [sa.func.lower(c.name), c.box], False),
        (lambda c: [c.box, sa.func.lower(c.name)], False),
        (lambda c: [sa.func.abs(c.box)], False),
        (lambda c: [c.box % 10], False),
        (lambda c: [-c.box], False),
    ],
    ids=[
        "plain",
        "desc",
        "nulls last",
        "expression before",
        "expression behind",
        "function",
        "sum",
        "minus",
    ],
)
def test_an_index_of_expressions_says_of_no_column_that_it_is_unique(index: Any, unique: bool) -> None:
    """Where it did, a list of rows would be taken for the one row that there can be."""
    metadata = sa.MetaData()
    sa.Table("boxes", metadata, sa.Column("id", sa.Integer, primary_key=True))
    things = sa.Table("things", metadata, sa.Column("box", sa.ForeignKey("boxes.id")), sa.Column("name", sa.Text))
    sa.Index("things_key", *index(things.c), unique=True)
    catalog = read_catalog(metadata)
    assert catalog.tables["things"].unique == ((("box",),) if unique else ())
    assert [each.kind for each in catalog.relations["boxes"]] == ["o2o" if unique else "o2m"]


def test_the_order_is_the_same_at_every_start() -> None:
    orders = {
        tuple(str(each) for each in read_catalog(Base.metadata, mappers=mappers_of(Base)).relations["desks"])
        for _ in range(5)
    }
    assert len(orders) == 1
    assert [each.constraint for each in CATALOG.relations["desks"]] == ["desks_owner_fkey", "desks_guest_fkey"]


def test_a_class_in_two_tables_is_refused() -> None:
    class Family(DeclarativeBase):
        pass

    class Parent(Family):
        __tablename__ = "parents"
        id: Mapped[int] = mapped_column(primary_key=True)

    class Child(Parent):
        __tablename__ = "children"
        id: Mapped[int] = mapped_column(sa.ForeignKey("parents.id"), primary_key=True)

    assert Child.__mapper__.inherits is Parent.__mapper__
    with pytest.raises(SetupFault, match="Child is stored in parents and children"):
        read_catalog(Family.metadata, mappers=mappers_of(Family))
