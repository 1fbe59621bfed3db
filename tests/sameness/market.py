"""The app that both engines serve: every type of column and relation, policies, column rules, hooks and functions."""

from __future__ import annotations

import enum
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tests.api.scenario import ANON, SERVICE, Persona, Place, send
from undercroft import App, Context, Fault, Model, Numeric, auth
from undercroft.models.base import NAMES

BEA_ID, CARL_ID = (f"0000000{n}-0000-4000-8000-00000000000{n}" for n in (2, 3))
BEA = Persona("b", "authenticated", BEA_ID, {"land": "at"})
CARL = Persona("c", "authenticated", CARL_ID, {"land": "Ö"})
AUDITOR = Persona("r", "auditor", BEA_ID)
CALLERS = (ANON, BEA, CARL, AUDITOR, SERVICE)


class Base(Model):
    __abstract__ = True
    metadata = sa.MetaData(naming_convention=NAMES)


class Colour(enum.Enum):
    red = "r"
    green = "g"
    blue = "b"


class Maker(Base):
    __tablename__ = "makers"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    land: Mapped[str | None]
    founded: Mapped[date | None]
    rating: Mapped[float | None]
    boss_id: Mapped[int | None] = mapped_column(ForeignKey("makers.id"))
    boss: Mapped[Maker | None] = relationship(remote_side=[id])


class Thing(Base):
    """One column of each type."""

    __tablename__ = "things"
    id: Mapped[int] = mapped_column(primary_key=True)
    flag: Mapped[bool | None]
    small: Mapped[int | None] = mapped_column(sa.SmallInteger)
    whole: Mapped[int | None]
    big: Mapped[int | None] = mapped_column(sa.BigInteger)
    money: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    exact: Mapped[Decimal | None]
    plain: Mapped[Decimal | None] = mapped_column(sa.Numeric(12, 3))
    wide: Mapped[float | None]
    narrow: Mapped[float | None] = mapped_column(sa.REAL)
    said: Mapped[str | None]
    short: Mapped[str | None] = mapped_column(sa.String(5))
    at: Mapped[datetime | None]
    local: Mapped[datetime | None] = mapped_column(sa.DateTime)
    zoned: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))
    day: Mapped[date | None]
    hour: Mapped[time | None]
    span: Mapped[timedelta | None]
    uid: Mapped[UUID | None]
    their_uid: Mapped[UUID | None] = mapped_column(sa.Uuid)
    raw: Mapped[bytes | None]
    doc: Mapped[dict[str, Any] | None]
    their_doc: Mapped[Any | None] = mapped_column(sa.JSON)
    tags: Mapped[list[str] | None]
    colour: Mapped[Colour | None]
    word: Mapped[str | None] = mapped_column(sa.Enum("a", "b", name="words"))
    maker_id: Mapped[int | None] = mapped_column(ForeignKey("makers.id"))
    spare_maker_id: Mapped[int | None] = mapped_column(ForeignKey("makers.id"))
    owner_id: Mapped[UUID | None] = mapped_column(default=auth.uid)
    public: Mapped[bool] = mapped_column(default=False)
    sealed: Mapped[str | None]
    """Hidden."""
    stamp: Mapped[str | None]
    """Read only."""
    maker: Mapped[Maker | None] = relationship(foreign_keys=[maker_id])
    spare: Mapped[Maker | None] = relationship(foreign_keys=[spare_maker_id])


class Label(Base):
    __tablename__ = "labels"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    open: Mapped[bool] = mapped_column(default=True)


class ThingLabel(Base):
    __tablename__ = "thing_labels"
    thing_id: Mapped[int] = mapped_column(ForeignKey("things.id", ondelete="CASCADE"), primary_key=True)
    label_id: Mapped[int] = mapped_column(ForeignKey("labels.id"), primary_key=True)
    weight: Mapped[float | None]


class Detail(Base):
    """One to one."""

    __tablename__ = "details"
    thing_id: Mapped[int] = mapped_column(ForeignKey("things.id", ondelete="CASCADE"), primary_key=True)
    text: Mapped[str]


class Slot(Base):
    """A key of two columns."""

    __tablename__ = "slots"
    day: Mapped[date] = mapped_column(primary_key=True)
    place: Mapped[str] = mapped_column(primary_key=True)
    seats: Mapped[int] = mapped_column(CheckConstraint("seats >= 0"), default=10)


class Booking(Base):
    __tablename__ = "bookings"
    __table_args__ = (sa.ForeignKeyConstraint(["day", "place"], ["slots.day", "slots.place"]),)
    id: Mapped[int] = mapped_column(primary_key=True)
    day: Mapped[date | None]
    place: Mapped[str | None]
    who: Mapped[str] = mapped_column(server_default="somebody")
    since: Mapped[int] = mapped_column(default=7)


class Review(Base):
    """Writes pass through hooks."""

    __tablename__ = "reviews"
    id: Mapped[int] = mapped_column(primary_key=True)
    thing_id: Mapped[int | None] = mapped_column(ForeignKey("things.id", ondelete="CASCADE"))
    stars: Mapped[int] = mapped_column(CheckConstraint("stars between 1 and 5"))
    text: Mapped[str | None]
    price: Mapped[Decimal | None]
    at: Mapped[datetime | None]
    meta: Mapped[dict[str, Any] | None]
    author_id: Mapped[UUID | None]
    """Preset."""
    seen: Mapped[str | None]


class Page(Base):
    """Texts to search."""

    __tablename__ = "pages"
    slug: Mapped[str] = mapped_column(primary_key=True)
    title: Mapped[str]
    body: Mapped[str | None]
    maker_id: Mapped[int | None] = mapped_column(ForeignKey("makers.id", ondelete="SET NULL"))


class Vault(Base):
    """Closed: no policy speaks of it."""

    __tablename__ = "vaults"
    id: Mapped[int] = mapped_column(primary_key=True)
    thing_id: Mapped[int | None] = mapped_column(ForeignKey("things.id", ondelete="CASCADE"))


TABLES: dict[str, type[Base]] = {
    each.__tablename__: each for each in (Maker, Thing, Label, ThingLabel, Detail, Slot, Booking, Review, Page, Vault)
}


def make_app() -> App:
    app = App(models=Base)
    _policies(app)
    app.hide(Thing.sealed)
    app.read_only(Thing.stamp)
    app.preset(Review.author_id, auth.uid)
    _hooks(app)
    _functions(app)
    return app


def _policies(app: App) -> None:
    @app.policy(Maker, "select")
    def makers(maker: Any) -> Any:
        return sa.or_(maker.land.is_(None), maker.land != "hidden")

    @app.policy(Maker, "insert", "update", "delete", to="authenticated")
    def of_ones_land(maker: Any) -> Any:
        return maker.land == auth.claim("land")

    @app.policy(Thing, "select")
    def public(thing: Any) -> Any:
        return thing.public

    @app.policy(Thing, "select", "insert", "update", "delete", to="authenticated")
    def own(thing: Any) -> Any:
        return thing.owner_id == auth.uid

    @app.policy(Thing, "select", to="auditor")
    def dear(thing: Any) -> Any:
        return thing.money > 5

    @app.policy(Label, "select")
    def open_labels(label: Any) -> Any:
        return label.open

    @app.policy(ThingLabel, "select")
    def weighed(link: Any) -> Any:
        return sa.or_(link.weight.is_(None), link.weight < 100)

    @app.policy(ThingLabel, "insert", "update", "delete", to="authenticated")
    def on_own_things(link: Any) -> Any:
        return link.thing_id.in_(sa.select(Thing.id).where(Thing.owner_id == auth.uid))

    @app.policy(Detail, "select", "insert", "update", "delete")
    def all_details(detail: Any) -> Any:
        return True

    @app.policy(Slot, "select", "insert", "update", "delete", to=["anon", "authenticated"])
    def all_slots(slot: Any) -> Any:
        return slot.place != "cellar"

    @app.policy(Booking, "select", "insert", "update", "delete", to=["anon", "authenticated"])
    def bookings(booking: Any) -> Any:
        return True

    @app.policy(Review, "select")
    def reviews(review: Any) -> Any:
        return sa.or_(review.stars > 1, review.author_id == auth.uid)

    @app.policy(Review, "insert", "update", "delete", to="authenticated")
    def own_reviews(review: Any) -> Any:
        return review.author_id == auth.uid

    @app.policy(Page, "select", "insert", "update", "delete")
    def pages(page: Any) -> Any:
        return page.slug != "draft"


def _hooks(app: App) -> None:
    @app.before_insert(Review)
    @app.before_update(Review)
    async def tidy(ctx: Context, review: Review) -> None:
        if review.text is None:
            return
        review.text = review.text.strip()
        if review.text == "refuse":
            raise Fault("not this one", code="P0001", details="said the hook", hint="try another")
        if review.text == "date it":
            review.at = datetime(2026, 5, 6, 7, 8, 9, 120_000, tzinfo=UTC)
            review.price = Decimal("12.340")

    @app.after_insert(Review)
    @app.after_update(Review)
    async def look(ctx: Context, review: Review) -> None:
        """What each row is when it was written, and what its caller sees then."""
        if review.text == "look around":
            others = await ctx.session.scalars(sa.select(Thing.id).where(Thing.public).order_by(Thing.id))
            review.seen = f"{review.price} {review.at} {review.meta} {list(others)}"


def _functions(app: App) -> None:
    @app.rpc(read_only=True)
    async def all_things(ctx: Context) -> list[Thing]:
        return list(await ctx.session.scalars(sa.select(Thing).order_by(Thing.id)))

    @app.rpc(read_only=True)
    async def one_thing(ctx: Context, id: int) -> Thing | None:
        return await ctx.session.get(Thing, id)

    @app.rpc(read_only=True)
    async def dear_things(ctx: Context, least: Decimal) -> list[Thing]:
        with ctx.as_service():
            return list(await ctx.session.scalars(sa.select(Thing).where(Thing.exact >= least).order_by(Thing.id)))

    @app.rpc(read_only=True)
    async def echo(
        ctx: Context,
        text: str = "",
        number: int = 0,
        price: Decimal = Decimal(0),
        key: UUID | None = None,
        moment: datetime | None = None,
        day: date | None = None,
        list_: list[int] | None = None,
        any_: Any = None,
    ) -> dict[str, Any]:
        return {
            "text": text, "number": number, "price": price, "key": key, "moment": moment, "day": day, "list": list_,
            "any": any_,
        }  # fmt: skip

    @app.rpc(read_only=True)
    async def stored(ctx: Context, column: str) -> list[str]:
        """What Python gets of each value of a column."""
        if column not in Thing.__table__.c or column == "sealed":
            raise Fault("no such column", code="P0001")
        with ctx.as_service():
            found = await ctx.session.execute(sa.select(Thing.id, getattr(Thing, column)).order_by(Thing.id))
            return [f"{key}: {value!r}" for key, value in found]

    @app.rpc(read_only=True)
    async def found(ctx: Context, day: date, moment: datetime, price: Decimal, wide: float) -> dict[str, Any]:
        """Values of Python's in a query of Python's."""
        of_type = {
            "day": Thing.day < day,
            "at": Thing.at <= moment,
            "exact": Thing.exact > price,
            "wide": Thing.wide < wide,
        }
        return {
            name: list(await ctx.session.scalars(sa.select(Thing.id).where(test).order_by(Thing.id)))
            for name, test in of_type.items()
        }

    @app.rpc(to="authenticated")
    async def review(ctx: Context, id: int, stars: int, text: str | None = None) -> Review:
        made = Review(id=id, stars=stars, text=text)
        ctx.session.add(made)
        await ctx.session.flush()
        return made

    @app.rpc(to="authenticated")
    async def rename(ctx: Context, id: int, name: str) -> int:
        thing = await ctx.session.get(Thing, id)
        if thing is None:
            return 0
        thing.said, thing.short = name, name
        return 1

    @app.rpc(to="authenticated")
    async def drop(ctx: Context, id: int) -> bool:
        thing = await ctx.session.get(Thing, id)
        if thing is not None:
            await ctx.session.delete(thing)
        return thing is not None

    @app.rpc(to="auditor")
    async def refuse(ctx: Context, code: str = "P0001") -> None:
        raise Fault("refused", code=code)

    @app.rpc(to="service_role")
    async def nothing(ctx: Context) -> None:
        return None


# ---------------------------------------------------------------- the rows


def rows() -> dict[str, list[dict[str, Any]]]:
    """What is in the tables at the start, in an order that foreign keys allow."""
    return {
        "makers": [
            {"id": 1, "name": "Acme", "land": "at", "founded": "1901-02-03", "rating": 4.5, "boss_id": None},
            {"id": 2, "name": "bolt & Söhne", "land": "Ö", "founded": "0999-12-31", "rating": 0.1, "boss_id": 1},
            {"id": 3, "name": "ÇELİK", "land": None, "founded": None, "rating": None, "boss_id": 2},
            {"id": 4, "name": "a_b%c", "land": "hidden", "founded": "2024-02-29", "rating": -0.0, "boss_id": 1},
            {"id": 5, "name": "ßtraße", "land": "at", "founded": "1901-02-03", "rating": 1e300, "boss_id": 5},
        ],
        "things": list(_things()),
        "labels": [
            {"id": 1, "name": "new", "open": True},
            {"id": 2, "name": "Old", "open": True},
            {"id": 3, "name": "secret", "open": False},
            {"id": 4, "name": "", "open": True},
        ],
        "thing_labels": [
            {"thing_id": thing, "label_id": label, "weight": weight}
            for thing, label, weight in ((1, 1, 0.5), (1, 2, None), (1, 3, 2), (2, 1, 200), (3, 2, 1.25), (4, 4, 3), (6, 1, 1e-7), (6, 2, 7))
        ],
        "details": [{"thing_id": 1, "text": "one"}, {"thing_id": 3, "text": 'th"r,e\ne'}, {"thing_id": 6, "text": ""}],
        "slots": [
            {"day": "2026-01-01", "place": "hall", "seats": 10},
            {"day": "2026-01-01", "place": "cellar", "seats": 2},
            {"day": "2026-01-02", "place": "hall", "seats": 0},
            {"day": "0001-01-01", "place": "Ä b", "seats": 3},
        ],
        "bookings": [
            {"id": 1, "day": "2026-01-01", "place": "hall", "who": "x", "since": 1},
            {"id": 2, "day": "2026-01-01", "place": "cellar", "who": "y", "since": 2},
            {"id": 3, "day": None, "place": "hall", "who": "z", "since": 3},
            {"id": 4, "day": "2026-01-02", "place": "hall", "who": "x", "since": 4},
        ],
        "reviews": [
            {"id": 1, "thing_id": 1, "stars": 5, "text": "good", "author_id": BEA_ID, "price": 1.50},
            {"id": 2, "thing_id": 1, "stars": 1, "text": "bad", "author_id": CARL_ID, "price": None},
            {"id": 3, "thing_id": 3, "stars": 3, "text": None, "author_id": BEA_ID, "price": 10},
            {"id": 4, "thing_id": None, "stars": 2, "text": "lost", "author_id": None, "price": 9},
        ],
        "pages": [
            {"slug": "cats", "title": "The Cats", "body": "A fat cat sat on the mat and ate a rat.", "maker_id": 1},
            {"slug": "dogs", "title": "Running dogs", "body": "Dogs run; the running dog ran over http://example.com/a?b", "maker_id": 2},
            {"slug": "empty", "title": "", "body": None, "maker_id": None},
            {"slug": "draft", "title": "Draft", "body": "Nobody reads of cats", "maker_id": 1},
            {"slug": "Ümläut", "title": "Über Straßen", "body": "naïve café, 3.14 and -7, e-mail me@example.org x_y\nnew\tline", "maker_id": 5},
        ],
        "vaults": [{"id": 1, "thing_id": 1}, {"id": 2, "thing_id": 5}],
    }  # fmt: skip


def _things() -> Any:
    grows: dict[str, list[Any]] = {
        "flag": [True, False, None, True, False, True, None],
        "small": [-32768, 0, 7, None, 7, 32767, -1],
        "whole": [-(2**31), 0, 3, 42, None, 2**31 - 1, 3],
        "big": [2**53 + 1, -(2**63), None, 0, 10, 2**63 - 1, 10],
        "money": ["9.99", "0.01", "-1.50", None, "100.00", "99999999.99", "9.99"],
        "exact": ["12345678901234567890.123", "9", "10.0", "-0.1", None, "0.00000000001", "10"],
        "plain": ["1.125", "-0.001", None, "0", "999999999.999", "2.5", "2.5"],
        "wide": [0.1, -1e300, 3.0, None, 1e-5, 123456789.125, 0.1],
        "narrow": [0.1, 16777216, -2.5, 1e-10, None, 3.4e38, 7],
        "said": ["hello", "Hello World", None, "", 'a "quoted", \\ one', "zoë\nÅngström\t%_*", "hello"],
        "short": ["abc", "ABC", "", None, "é", "a,b", "abc"],
        "at": ["2024-01-02T03:04:05+00:00", "1969-12-31T23:59:59.5+00:00", None, "2024-01-02T03:04:05.000001+00:00",
               "9999-12-31T23:59:59+00:00", "0001-01-02T00:00:00+00:00", "2024-01-02T03:04:05+00:00"],
        "local": ["2024-01-02T03:04:05", None, "1999-12-31T23:59:59.12", "2024-02-29T00:00:00", "0099-01-01T00:00:00",
                  "2024-01-02T03:04:05.999999", "2024-01-02T03:04:05"],
        "zoned": [None, "2024-07-01T12:00:00+02:00", "2024-07-01T10:00:00Z", "2024-01-01T00:00:00+00:00",
                  "1900-01-01T00:00:00+00:00", "2024-01-02T03:04:05.5+00:00", "2024-07-01T10:00:00Z"],
        "day": ["2024-02-29", "0001-01-01", None, "9999-12-31", "2024-03-01", "1969-12-31", "2024-02-29"],
        "hour": ["00:00:00", "23:59:59.999999", "10:20:30", None, "10:20:30.5", "12:00:00", "00:00:00"],
        "span": ["1 day", "-1 days +23:00:00", "00:00:01.5", None, "100 days 01:02:03", "00:00:00", "1 day"],
        "uid": [str(UUID(int=i * 2**100 + 5)) for i in range(6)] + [None],
        "their_uid": [None, *(str(UUID(int=2**127 - i)) for i in range(6))],
        "raw": ["\\x", "\\x00ff", None, "\\x68656c6c6f", "\\xdeadbeef", "\\x5c27", "\\x"],
        "doc": [{"a": 1, "k": "v", "list": [1, 2, None], "deep": {"x": [{"y": "z"}]}}, {"a": "1", "k": None}, None, {},
                {"a": 1.50, "k": "V", "list": []}, {"a": True, 'q"k': 1, "list": ["x"]}, {"a": None, "é": "ü"}],
        "their_doc": [[1, 2, 3], "text", None, 12, {"a": [1]}, True, [{"a": 1}]],
        "tags": [["x", "y"], [], None, ["x"], ["a b", 'q"'], ["ü"], ["y", "x"]],
        "colour": ["red", "green", None, "blue", "red", "red", "green"],
        "word": ["a", None, "b", "a", "b", "b", "a"],
        "maker_id": [1, 2, 3, None, 1, 4, 5],
        "spare_maker_id": [2, None, 3, 1, None, 1, 5],
        "owner_id": [BEA_ID, CARL_ID, BEA_ID, None, CARL_ID, None, BEA_ID],
        "public": [True, False, True, True, False, True, False],
        "sealed": ["s1", None, "s3", "s4", None, "s6", "s7"],
        "stamp": ["x", None, "y", None, "z", "x", None],
    }  # fmt: skip
    for i in range(7):
        yield {"id": i + 1, **{name: values[i] for name, values in grows.items()}}


NUMBERED = ("makers", "things", "labels", "bookings", "reviews", "vaults")
"""Tables whose keys the database counts."""


def fill(place: Place) -> None:
    """Put the rows in, as the service and through the front door."""
    for table, found in rows().items():
        reply = place.ask(send("POST", f"/rest/v1/{table}", found), SERVICE)
        assert reply.status == 201, f"{table}: {reply.body!r}"
