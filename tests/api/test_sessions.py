"""`ctx.session` as the caller: no query, relationship, count or flush gets past the policies."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import NoResultFound
from sqlalchemy.ext.asyncio import AsyncAttrs
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    aliased,
    joinedload,
    mapped_column,
    raiseload,
    relationship,
    selectinload,
    subqueryload,
)

from tests.api.scenario import Place
from undercroft import App, Context, Model, auth
from undercroft.access.actor import Actor
from undercroft.auth.tables import User
from undercroft.base.faults import Fault
from undercroft.models.base import NAMES

T = TypeVar("T")
ADA = UUID("00000000-0000-0000-0000-00000000000a")
BEN = UUID("00000000-0000-0000-0000-00000000000b")
ada = Actor("authenticated", str(ADA), {"sub": str(ADA)})
nobody = Actor("authenticated")
service = Actor("service_role")


class Base(AsyncAttrs, DeclarativeBase):
    """A base of its own: names of classes are looked up in it alone."""

    metadata = sa.MetaData(naming_convention=NAMES)
    type_annotation_map: ClassVar[dict[Any, Any]] = Model.type_annotation_map


class Note(Base):
    """Own ones only; everybody may read public ones."""

    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    public: Mapped[bool] = mapped_column(default=False)
    owner: Mapped[UUID] = mapped_column(default=auth.uid)
    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("notes.id"))
    parent: Mapped[Note | None] = relationship(remote_side=id, back_populates="children")
    children: Mapped[list[Note]] = relationship(back_populates="parent", cascade="all, delete-orphan")
    tags: Mapped[list[Tag]] = relationship(secondary="note_tags", back_populates="notes")
    replies: Mapped[list[Reply]] = relationship(back_populates="note")
    remarks: Mapped[list[Remark]] = relationship(back_populates="note", cascade="all, delete-orphan")


class Remark(Base):
    """Own ones only, written and changed; nobody deletes any."""

    __tablename__ = "remarks"
    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[int] = mapped_column(sa.ForeignKey("notes.id"))
    text: Mapped[str]
    owner: Mapped[UUID] = mapped_column(default=auth.uid)
    note: Mapped[Note] = relationship(back_populates="remarks")


class Tag(Base):
    """Open tags are read by all."""

    __tablename__ = "tags"
    name: Mapped[str] = mapped_column(primary_key=True)
    open: Mapped[bool]
    notes: Mapped[list[Note]] = relationship(secondary="note_tags", back_populates="tags")


class NoteTag(Base):
    __tablename__ = "note_tags"
    note_id: Mapped[int] = mapped_column(sa.ForeignKey("notes.id"), primary_key=True)
    tag: Mapped[str] = mapped_column(sa.ForeignKey("tags.name"), primary_key=True)


class Reply(Base):
    """Replies to own notes are read: a policy that asks another table."""

    __tablename__ = "replies"
    id: Mapped[int] = mapped_column(primary_key=True)
    note_id: Mapped[int] = mapped_column(sa.ForeignKey("notes.id"))
    note: Mapped[Note] = relationship(back_populates="replies")


class Closed(Base):
    """No policy speaks of it."""

    __tablename__ = "closed"
    id: Mapped[int] = mapped_column(primary_key=True)
    said: Mapped[str]


def made() -> App:
    app = App(Base)
    everybody = "authenticated"

    @app.policy(Note, "select", to=everybody)
    def readable(note: Any) -> Any:
        return note.public | (note.owner == auth.uid)

    @app.policy(Note, "insert", "update", "delete", to=everybody)
    def own(note: Any) -> Any:
        return note.owner == auth.uid

    @app.policy(Remark, "select", "insert", "update", to=everybody)
    def own_remarks(remark: Any) -> Any:
        return remark.owner == auth.uid

    @app.policy(Tag, "select", to=everybody)
    def open_tags(tag: Any) -> Any:
        return tag.open

    @app.policy(NoteTag, "select", to=everybody)
    def all_links(link: Any) -> Any:
        return True

    @app.policy(Reply, "select", to=everybody)
    def to_own_notes(reply: Any) -> Any:
        return sa.exists().where(Note.id == reply.note_id, Note.owner == auth.uid)

    return app


@pytest.fixture
def place(tmp_path_factory: pytest.TempPathFactory, server: str | None) -> Iterator[Place]:
    with Place(made(), tmp_path_factory.mktemp("sessions"), server=server) as place:
        place.sql(
            "insert into notes (id, title, public, owner, parent_id) values "
            "(1, 'mine', false, ?, null), (2, 'hers', false, ?, 1), (3, 'told', true, ?, 1), "
            "(4, 'mine too', false, ?, 2)",
            *map(str, (ADA, BEN, BEN, ADA)),
        )
        place.sql(
            "insert into remarks values (1, 1, 'by me', ?), (2, 1, 'by him', ?), (3, 3, 'his', ?)",
            str(ADA),
            str(BEN),
            str(BEN),
        )
        place.sql("insert into tags values ('open', true), ('shut', false)")
        place.sql("insert into note_tags values (1, 'open'), (1, 'shut'), (3, 'open'), (2, 'open')")
        place.sql("insert into replies values (1, 1), (2, 3), (3, 1), (4, 2)")
        place.sql("insert into closed values (1, 'zqx7_s_closed')")
        place.count_on()
        yield place


Work = Callable[[Context], Awaitable[T]]


def act(place: Place, work: Work[T], actor: Actor = ada) -> T:
    """Run an app's code in one transaction, as a function of the app would."""

    async def run() -> T:
        pipeline = place.house.pipeline
        async with pipeline.engine.transaction() as transaction:
            context = pipeline.context(actor, transaction)
            result = await work(context)
            if context.opened is not None:
                await context.opened.flush()
            return result

    return place.run(run())


def refused(place: Place, work: Work[Any], code: str = "42501", actor: Actor = ada) -> Fault:
    """The work is refused, and nothing has changed."""
    before = place.contents()
    with pytest.raises(Fault) as raised:
        act(place, work, actor)
    assert raised.value.code == code
    assert place.contents() == before
    return raised.value


# ---------------------------------------------------------------- queries

OTHER = aliased(Note)
PARENT = aliased(Note)
count = sa.func.count
ANSWER = aliased(Reply)
REPLIES = sa.select(count(Reply.id)).where(Reply.note_id == Note.id).scalar_subquery()
SUB = aliased(Note, sa.select(Note).subquery())
REMARKED = sa.select(count(Remark.id)).where(Remark.note_id == Note.id).scalar_subquery()
QUERIES: list[tuple[str, Any, list[Any]]] = [
    ("entities", sa.select(Note.id).order_by(Note.id), [1, 3, 4]),
    ("alias", sa.select(OTHER.id).order_by(OTHER.id), [1, 3, 4]),
    ("column", sa.select(Note.title).where(Note.id == 2), []),
    ("count", sa.select(count()).select_from(Note), [3]),
    ("count of column", sa.select(count(Note.id)), [3]),
    ("distinct", sa.select(Note.owner).distinct().where(Note.id > 0).order_by(Note.owner), [ADA, BEN]),
    ("group", sa.select(count()).select_from(Note).group_by(Note.owner).order_by(Note.owner), [2, 1]),
    ("join", sa.select(OTHER.id).join(Note, OTHER.parent_id == Note.id).order_by(OTHER.id), [3]),
    ("relationship join", sa.select(PARENT.id).join(Note.parent.of_type(PARENT)).where(Note.id == 4), []),
    ("outer join", sa.select(PARENT.id).select_from(Note).outerjoin(PARENT, Note.parent).where(Note.id == 4), [None]),
    ("many to many", sa.select(Tag.name).join(Note.tags).where(Note.id == 1), ["open"]),
    ("exists", sa.select(Note.id).where(Note.remarks.any(Remark.text == "by him")), []),
    ("has", sa.select(Note.id).where(Note.parent.has(PARENT.title == "hers")), []),
    ("in", sa.select(Note.id).where(Note.parent_id.in_(sa.select(OTHER.id).where(OTHER.title == "hers"))), []),
    ("scalar subquery", sa.select(REMARKED).where(Note.id == 1), [1]),
    ("columns of its table", sa.select(Note.id, Note.__table__.c.title).order_by(Note.id), [1, 3, 4]),
    ("subquery", sa.select(sa.select(Note.id).subquery().c.id).order_by("id"), [1, 3, 4]),
    ("cte", sa.select(sa.select(Note.id).cte().c.id).order_by("id"), [1, 3, 4]),
    ("lateral values", sa.select(Note.id).where(sa.tuple_(Note.id, Note.owner).in_([(1, ADA), (2, BEN)])), [1]),
    ("closed", sa.select(Closed.said), []),
    ("another schema", sa.select(User.id), []),
    ("a policy's query", sa.select(Reply.id).order_by(Reply.id), [1, 3]),
    ("its alias", sa.select(ANSWER.id).order_by(ANSWER.id), [1, 3]),
    ("its join", sa.select(ANSWER.id).select_from(Note).join(ANSWER, Note.replies).order_by(ANSWER.id), [1, 3]),
    ("its join from afar", sa.select(OTHER.id).join(ANSWER, OTHER.replies).order_by(OTHER.id), [1, 1]),
    ("its outer join", sa.select(ANSWER.id).outerjoin_from(Note, ANSWER, Note.replies).where(Note.id == 3), [None]),
    ("its ON by hand", sa.select(ANSWER.id).join_from(Note, ANSWER, ANSWER.note_id == Note.id).where(Note.id == 3), []),
    ("ON by hand", sa.select(PARENT.id).join_from(Note, PARENT, PARENT.id == Note.parent_id), [1]),
    ("outer ON by hand", sa.select(PARENT.id).outerjoin_from(OTHER, PARENT, PARENT.id == OTHER.parent_id), [None, 1, None]),  # noqa: E501
    ("ORM join", sa.select(PARENT.id).select_from(sa.orm.join(Note, PARENT, PARENT.id == Note.parent_id)), [1]),
    ("alias of a subquery", sa.select(SUB.id).order_by(SUB.id), [1, 3, 4]),
    ("its exists", sa.select(Note.id).where(Note.replies.any()).order_by(Note.id), [1]),
    ("its has", sa.select(Reply.id).where(Reply.note.has(Note.title == "mine")), [1, 3]),
    ("its count", sa.select(REPLIES).select_from(Note).order_by(Note.id), [2, 0, 0]),
    ("links", sa.select(count()).select_from(NoteTag), [4]),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "expected"), [pytest.param(*rest, id=name) for name, *rest in QUERIES])
def test_every_form_of_query_sees_what_the_caller_may_read(place: Place, statement: Any, expected: list[Any]) -> None:
    async def work(ctx: Context) -> list[Any]:
        return list(await ctx.session.scalars(statement))

    assert act(place, work) == expected


def test_what_is_prepared_for_one_caller_serves_no_other(place: Place) -> None:
    """SQLAlchemy keeps compiled statements: the claims in them must be the present caller's."""
    ben = Actor("authenticated", str(BEN), {"sub": str(BEN)})

    async def work(ctx: Context) -> list[Any]:
        return [list(await ctx.session.scalars(statement)) for _, statement, _ in QUERIES]

    sessions = cast("Any", place.house.engine)._sessions

    def anew(actor: Actor) -> list[Any]:
        sessions._engine.clear_compiled_cache()
        return act(place, work, actor)

    apart = [anew(actor) for actor in (ada, ben, nobody, service)]
    sessions._engine.clear_compiled_cache()
    assert [act(place, work, actor) for actor in (ada, ben, nobody, service)] == apart
    assert [act(place, work, actor) for actor in (service, nobody, ben, ada)] == apart[::-1]
    assert len({repr(each) for each in apart}) == 4


def test_get_and_get_one(place: Place) -> None:
    async def work(ctx: Context) -> list[Any]:
        return [await ctx.session.get(Note, key) for key in (1, 2, 3, 99)]

    found = act(place, work)
    assert [note.id if note else None for note in found] == [1, None, 3, None]

    async def one(ctx: Context) -> Any:
        return await ctx.session.get_one(Note, 2)

    with pytest.raises(NoResultFound):
        act(place, one)


NOTES = Base.metadata.tables["notes"]
UNGUARDED: dict[str, Any] = {
    "text": sa.text("select * from notes"),
    "core": sa.select(Note.__table__),
    "core count": sa.select(count()).select_from(Note.__table__),
    "from text": sa.select(Note).from_statement(sa.text("select * from notes")),
    "text columns": sa.select(sa.column("title")).select_from(sa.text("notes")),
    "text beside": sa.select(Note.id, sa.text("(select title from notes where id = 2)")),
    "core beside": sa.select(Note.id, Note.__table__.alias().c.title),
    "core inside": sa.select(Note.id, sa.select(count()).select_from(Note.__table__.alias()).scalar_subquery()),
    "core in a function": sa.select(Note.id, sa.func.upper(Note.__table__.alias().c.title)),
    "exists alone": sa.select(sa.exists().where(Note.id == 2)),
    "union": sa.union_all(sa.select(Note.title), sa.select(Note.__table__.c.title)),
    "core cte": sa.select(sa.select(Note.__table__.alias().c.title).cte()),
    "update": sa.update(Note).values(title="x"),
    "core update": sa.update(NOTES).values(title="x"),
    "insert": sa.insert(Note).values(title="x", owner=BEN),
    "core delete": sa.delete(NOTES),
    "delete text": sa.text("delete from notes"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNGUARDED)
def test_what_cannot_be_guarded_is_refused(place: Place, name: str) -> None:
    async def work(ctx: Context) -> Any:
        return await ctx.session.execute(UNGUARDED[name])

    assert "as_service" in (refused(place, work).hint or "")


def test_a_union_of_queries_is_guarded_in_each_part(place: Place) -> None:
    async def work(ctx: Context) -> list[Any]:
        both = sa.union_all(sa.select(Note.id).where(Note.id < 3), sa.select(Note.id).where(Note.id >= 3))
        return sorted(await ctx.session.scalars(both))

    assert act(place, work) == [1, 3, 4]


def test_the_synchronous_session_is_the_same(place: Place) -> None:
    async def work(ctx: Context) -> list[Any]:
        return await ctx.session.run_sync(lambda session: [note.id for note in session.query(Note).order_by(Note.id)])

    assert act(place, work) == [1, 3, 4]

    async def update(ctx: Context) -> Any:
        return await ctx.session.run_sync(lambda session: session.query(Note).update({"title": "x"}))

    refused(place, update)


def test_streams_are_guarded(place: Place) -> None:
    async def work(ctx: Context) -> list[int]:
        return [note.id async for note in await ctx.session.stream_scalars(sa.select(Note).order_by(Note.id))]

    assert act(place, work) == [1, 3, 4]


# ---------------------------------------------------------------- relationships


@pytest.mark.parametrize("how", [selectinload, joinedload, subqueryload])
def test_relationships_show_readable_rows_only(place: Place, how: Any) -> None:
    async def work(ctx: Context) -> Any:
        query = sa.select(Note).order_by(Note.id)
        query = query.options(how(Note.children), how(Note.tags), how(Note.remarks))
        query = query.options(how(Note.parent), how(Note.replies))
        return list((await ctx.session.scalars(query)).unique())

    def seen(note: Note) -> Any:
        below = [each.id for each in note.children], [tag.name for tag in note.tags], [each.id for each in note.remarks]
        return (*below, note.parent.id if note.parent else None, [each.id for each in note.replies])

    shown = {note.id: seen(note) for note in act(place, work)}
    assert shown == {1: ([3], ["open"], [1], None, [1, 3]), 3: ([], ["open"], [], 1, []), 4: ([], [], [], None, [])}


def test_lazy_loading_shows_readable_rows_only(place: Place) -> None:
    async def work(ctx: Context) -> Any:
        one, _, four = await ctx.session.scalars(
            sa.select(Note).order_by(Note.id).options(raiseload("*", sql_only=False))
        )
        ctx.session.expire_all()
        return [
            [note.id for note in await one.awaitable_attrs.children],
            [tag.name for tag in await one.awaitable_attrs.tags],
            [remark.id for remark in await one.awaitable_attrs.remarks],
            await four.awaitable_attrs.parent,
        ]

    async def plain(ctx: Context) -> Any:
        one, _, four = await ctx.session.scalars(sa.select(Note).order_by(Note.id))
        return [
            [note.id for note in await one.awaitable_attrs.children],
            [tag.name for tag in await one.awaitable_attrs.tags],
            [remark.id for remark in await one.awaitable_attrs.remarks],
            await four.awaitable_attrs.parent,
        ]

    assert act(place, plain) == [[3], ["open"], [1], None]


def test_a_new_object_leads_to_nothing_hidden(place: Place) -> None:
    """A caller may write a key that points at a hidden row; the row stays hidden."""

    async def work(ctx: Context) -> Any:
        note = Note(title="new", parent_id=2)
        ctx.session.add(note)
        await ctx.session.flush()
        lazily = await note.awaitable_attrs.parent
        tags = await note.awaitable_attrs.tags
        again = await ctx.session.scalar(
            sa.select(Note)
            .where(Note.id == note.id)
            .options(joinedload(Note.parent))
            .execution_options(populate_existing=True)
        )
        assert again is not None
        return [lazily, again.parent, tags]

    assert act(place, work) == [None, None, []]


def test_refresh_of_what_is_no_longer_readable_fails_or_keeps_silent(place: Place) -> None:
    async def work(ctx: Context) -> Any:
        with ctx.as_service():
            note = await ctx.session.get_one(Note, 1)
        return note.title

    assert act(place, work) == "mine"


# ---------------------------------------------------------------- flushes


def test_what_is_added_is_filled_and_checked(place: Place) -> None:
    async def work(ctx: Context) -> Any:
        note = Note(title="new")
        ctx.session.add(note)
        await ctx.session.flush()
        return note.id, note.owner, note.public

    assert act(place, work) == (5, ADA, False)
    ((title, owner),) = place.sql("select title, owner from notes where id = 5")
    assert (title, str(owner)) == ("new", str(ADA))


def test_a_default_that_nobody_can_fill_is_refused(place: Place) -> None:
    async def work(ctx: Context) -> None:
        ctx.session.add(Note(title="new"))

    refused(place, work, code="23502", actor=nobody)


def adds(*instances: Any) -> Work[None]:
    async def work(ctx: Context) -> None:
        ctx.session.add_all(instances)

    return work


def changes(entity: Any, key: Any, **values: Any) -> Work[None]:
    async def work(ctx: Context) -> None:
        instance = await ctx.session.get_one(entity, key)
        for name, value in values.items():
            setattr(instance, name, value)

    return work


def deletes(entity: Any, key: Any) -> Work[None]:
    async def work(ctx: Context) -> None:
        await ctx.session.delete(await ctx.session.get_one(entity, key))

    return work


async def merges(ctx: Context) -> None:
    await ctx.session.merge(Note(id=2, title="over", owner=ADA))


async def makes_persistent(ctx: Context) -> None:
    """An object that pretends to have been loaded."""
    note = Note(id=2, title="hers", owner=ADA, public=False)
    sa.orm.make_transient_to_detached(note)
    ctx.session.add(note)
    note.title = "mine now"


async def deletes_pretended(ctx: Context) -> None:
    note = Note(id=2)
    sa.orm.make_transient_to_detached(note)
    ctx.session.add(note)
    await ctx.session.delete(note)


async def nested(ctx: Context) -> None:
    async with ctx.session.begin_nested():
        ctx.session.add(Note(title="x", owner=BEN))


async def commits(ctx: Context) -> None:
    ctx.session.add(Note(title="x", owner=BEN))
    await ctx.session.commit()


async def by_cascade(ctx: Context) -> None:
    note = await ctx.session.get_one(Note, 1)
    (await note.awaitable_attrs.remarks).append(Remark(text="x", owner=BEN))


async def links(ctx: Context) -> None:
    """The rows of a link table are written without an object: nobody may write this one."""
    note = await ctx.session.get_one(Note, 1)
    tag = await ctx.session.get_one(Tag, "open")
    (await note.awaitable_attrs.tags).remove(tag)


async def adopts(ctx: Context) -> None:
    """A readable row of somebody else is put below an own one."""
    mine, told = await ctx.session.get_one(Note, 1), await ctx.session.get_one(Note, 3)
    (await mine.awaitable_attrs.children).remove(told)


async def by_delete_of_query(ctx: Context) -> None:
    await ctx.session.execute(sa.delete(Remark))


async def within_then_out(ctx: Context) -> None:
    """What the caller adds before the service takes over stays the caller's."""
    ctx.session.add(Note(title="x", owner=BEN))
    with ctx.as_service():
        await ctx.session.flush()


async def after_service(ctx: Context) -> None:
    """What the service loaded does not become the caller's to change."""
    with ctx.as_service():
        note = await ctx.session.get_one(Note, 2)
    note.title = "changed"


REFUSALS: dict[str, Work[Any]] = {
    "add for another": adds(Note(title="x", owner=BEN)),
    "one among many": adds(Note(title="a"), Note(title="b", owner=BEN), Note(title="c")),
    "change of a readable row": changes(Note, 3, title="x"),
    "give away": changes(Note, 1, owner=BEN),
    "delete of a readable row": deletes(Note, 3),
    "delete without a policy": deletes(Remark, 1),
    "add to a closed table": adds(Closed(said="x")),
    "add to another schema": adds(User(id=BEN, role="authenticated")),
    "add without a policy": adds(Tag(name="x", open=True)),
    "pretended to be loaded": makes_persistent,
    "pretended, and deleted": deletes_pretended,
    "nested transaction": nested,
    "commit": commits,
    "cascade": by_cascade,
    "link table": links,
    "orphan": adopts,
    "within, then out": within_then_out,
    "after the service": after_service,
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_flush_that_a_policy_forbids_undoes_all(place: Place, name: str) -> None:
    refused(place, REFUSALS[name])


def test_a_merge_of_a_hidden_row_meets_its_key(place: Place) -> None:
    """As an INSERT on PostgreSQL would: the row cannot be seen, and its key is taken."""
    refused(place, merges, code="23505")


def test_a_delete_by_query_takes_what_the_caller_may_delete(place: Place) -> None:
    before = place.contents()
    act(place, by_delete_of_query)
    assert place.contents() == before

    async def work(ctx: Context) -> None:
        await ctx.session.execute(sa.delete(Note).where(Note.id.in_([3, 4])))

    act(place, work)
    assert place.sql("select id from notes order by id") == [(1,), (2,), (3,)]


def test_what_the_caller_may_change_is_changed(place: Place) -> None:
    act(place, changes(Note, 1, title="new", public=True))
    act(place, changes(Remark, 1, text="new"))
    act(place, deletes(Note, 4))
    assert place.sql("select title, public from notes where id = 1") == [("new", 1)]
    assert place.sql("select text from remarks where id = 1") == [("new",)]
    assert place.sql("select count(*) from notes") == [(3,)]


def test_an_untouched_object_is_not_checked(place: Place) -> None:
    act(place, changes(Note, 3, title="told"))


def test_cascades_reach_only_what_may_be_deleted(place: Place) -> None:
    """Note 1 has a child and remarks of others, which are not loaded, so the database has the last word."""
    fault = None
    before = place.contents()
    try:
        act(place, deletes(Note, 1))
    except Fault as error:
        fault = error
    assert fault is not None
    assert fault.code in ("42501", "23503")
    assert place.contents() == before


def test_as_service_opens_and_closes(place: Place) -> None:
    async def work(ctx: Context) -> Any:
        query = sa.select(count()).select_from(Note)
        before = await ctx.session.scalar(query)
        with ctx.as_service():
            inside = await ctx.session.scalar(query)
            with ctx.as_service():
                pass
            still = await ctx.session.scalar(query)
            text = await ctx.session.scalar(sa.text("select count(*) from closed"))
            ctx.session.add(Closed(said="more"))
            await ctx.session.execute(sa.update(Note).where(Note.id == 2).values(title="by the service"))
        return before, inside, still, text, await ctx.session.scalar(query)

    assert act(place, work) == (3, 4, 4, 1, 3)
    assert place.sql("select count(*) from closed") == [(2,)]
    assert place.sql("select title from notes where id = 2") == [("by the service",)]


def test_the_door_closes_when_the_block_raises(place: Place) -> None:
    async def work(ctx: Context) -> Any:
        with pytest.raises(KeyError), ctx.as_service():
            raise KeyError
        return await ctx.session.scalar(sa.select(count()).select_from(Note))

    assert act(place, work) == 3


def test_the_service_itself_is_not_checked(place: Place) -> None:
    async def work(ctx: Context) -> Any:
        ctx.session.add(Closed(said="x"))
        await ctx.session.execute(sa.text("update notes set title = 'all'"))
        return await ctx.session.scalar(sa.select(count()).select_from(Note))

    assert act(place, work, service) == 4


def test_bulk_operations_of_old_are_refused(place: Place) -> None:
    def bulk(session: Any) -> None:
        session.bulk_insert_mappings(Note, [{"title": "x", "owner": BEN, "public": False}])

    async def work(ctx: Context) -> None:
        await ctx.session.run_sync(bulk)

    refused(place, work)


def test_many_objects_in_one_flush(place: Place) -> None:
    act(place, adds(*(Note(title=f"n{i}") for i in range(700))))
    assert place.sql("select count(*) from notes") == [(704,)]
    refused(place, adds(*(Note(title=f"n{i}", owner=BEN if i == 650 else ADA) for i in range(700))))
