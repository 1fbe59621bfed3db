"""A small club's projects: the app that the client libraries, the functions and the descriptions are tried on.

It serves by itself too: `granian --interface asgi tests.compat.club:app`. Its rows are fixed, so that answers can be
written down beside the requests.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID, uuid4

import sqlalchemy as sa
from pydantic import BaseModel
from sqlalchemy import ForeignKey
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from undercroft import App, Context, Event, Fault, Form, Model, Reply, WebRequest, auth
from undercroft.app import House
from undercroft.models.base import NAMES

ADA = "0a000000-0000-4000-8000-000000000001"
GRACE = "0a000000-0000-4000-8000-000000000002"


class Club(DeclarativeBase):
    """Its own base: other tests have tables of the same names."""

    metadata = sa.MetaData(naming_convention=NAMES)
    type_annotation_map = Model.type_annotation_map


class Status(StrEnum):
    """How far a project is."""

    DRAFT = "draft"
    OPEN = "open"
    DONE = "done"


class Person(Club):
    """A member, who may have a mentor."""

    __tablename__ = "people"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(comment="As on the door bell")
    age: Mapped[int | None]
    user_id: Mapped[UUID | None]
    mentor_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    diary: Mapped[str] = mapped_column(default="canary-diary")
    pupils: Mapped[list[Person]] = relationship(back_populates="mentor")
    mentor: Mapped[Person | None] = relationship(back_populates="pupils", remote_side=[id])


class Project(Club):
    """What members work on."""

    __tablename__ = "projects"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str]
    slug: Mapped[str | None] = mapped_column(sa.String(20), unique=True)
    status: Mapped[Status] = mapped_column(
        sa.Enum(Status, values_callable=lambda members: [member.value for member in members]), default=Status.DRAFT
    )
    budget: Mapped[Decimal | None] = mapped_column(sa.Numeric(12, 2))
    done: Mapped[bool] = mapped_column(default=False)
    details: Mapped[dict[str, Any] | None]
    due: Mapped[date | None]
    created_at: Mapped[datetime] = mapped_column(default=lambda: datetime.now(UTC))
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    reviewer_id: Mapped[int | None] = mapped_column(ForeignKey("people.id"))
    tasks: Mapped[list[Task]] = relationship(back_populates="project", passive_deletes=True)


class Task(Club):
    """A step of a project."""

    __tablename__ = "tasks"
    __table_args__ = (sa.CheckConstraint("points >= 0", name="points"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"))
    title: Mapped[str]
    points: Mapped[int] = mapped_column(default=1)
    note: Mapped[str | None]
    stamp: Mapped[str | None]
    project: Mapped[Project] = relationship(back_populates="tasks")


class Membership(Club):
    """Who works on what."""

    __tablename__ = "memberships"

    person_id: Mapped[int] = mapped_column(ForeignKey("people.id"), primary_key=True)
    project_id: Mapped[int] = mapped_column(ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True)
    role: Mapped[str] = mapped_column(default="member")


class Letter(Club):
    """A user's own; nobody else knows of it."""

    __tablename__ = "letters"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    author_id: Mapped[UUID] = mapped_column(default=auth.uid)
    body: Mapped[str]


class Box(Club):
    """Anybody puts something in, and only the service looks inside."""

    __tablename__ = "suggestions"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


class Vault(Club):
    """Closed: no policy speaks of it."""

    __tablename__ = "canary_vault"

    id: Mapped[int] = mapped_column(primary_key=True)
    canary_code: Mapped[str]


app = App(models=Club, title="Club")


@app.policy(Person, "select")
def everybody(person: Any) -> Any:
    """Members are on the door bell."""
    return True


@app.policy(Project, "select")
def started_or_signed_in(project: Any) -> Any:
    """Visitors do not see drafts."""
    return (project.status != Status.DRAFT) | (auth.role == "authenticated")


@app.policy(Project, "insert", "update", "delete", to="authenticated")
def signed_in(project: Any) -> Any:
    """Whoever is signed in may work on projects, and nobody may make one without a title."""
    return project.title != ""


@app.policy(Task, "select", "insert", "update", "delete")
def all_tasks(task: Any) -> Any:
    """Tasks are everybody's, but for those under lock."""
    return task.title != "locked"


@app.policy(Membership, "select")
def all_memberships(membership: Any) -> Any:
    return True


@app.policy(Letter, "select", "insert", "update", "delete", to="authenticated")
def own(letter: Any) -> Any:
    """Letters are their author's."""
    return letter.author_id == auth.uid


@app.policy(Box, "insert")
def anything(box: Any) -> Any:
    return True


app.hide(Person.diary)
app.read_only(Person.user_id)
app.preset(Task.stamp, sa.literal("stamped"), on=("insert",))


# --- functions ---


class Point(BaseModel):
    """A place on a plane."""

    x: float
    y: float = 0


@app.rpc(read_only=True)
async def add(ctx: Context, a: int, b: int = 1) -> int:
    """The sum of two numbers."""
    return a + b


@app.rpc(read_only=True)
async def total(ctx: Context, values: list[int]) -> int:
    return sum(values)


@app.rpc(read_only=True)
async def mirrored(ctx: Context, point: Point) -> Point:
    return Point(x=point.y, y=point.x)


@app.rpc(read_only=True)
async def echo(ctx: Context, value: Any = None) -> Any:
    return value


@app.rpc(read_only=True)
async def words(ctx: Context, text: str) -> list[str]:
    return text.split()


@app.rpc(read_only=True)
async def when(ctx: Context, moment: datetime, price: Decimal, key: UUID, day: date | None = None) -> dict[str, Any]:
    return {"moment": moment, "price": price, "key": key, "day": day}


@app.rpc(read_only=True)
async def whoami(ctx: Context) -> dict[str, Any]:
    return {"role": ctx.auth.role, "uid": ctx.auth.uid}


@app.rpc(read_only=True)
async def projects_of(ctx: Context, person: int) -> list[Project]:
    """The projects that somebody owns, the newest first."""
    query = sa.select(Project).where(Project.owner_id == person).order_by(Project.id.desc())
    return list(await ctx.session.scalars(query))


@app.rpc(read_only=True)
async def project_by_slug(ctx: Context, slug: str) -> Project | None:
    found: Project | None = await ctx.session.scalar(sa.select(Project).where(Project.slug == slug))
    return found


@app.rpc(read_only=True)
async def every_project(ctx: Context) -> list[Project]:
    """All of them, drafts too, as the service finds them."""
    with ctx.as_service():
        return list(await ctx.session.scalars(sa.select(Project).order_by(Project.id)))


@app.rpc(read_only=True)
async def count_drafts(ctx: Context) -> int:
    """A number that visitors may know, of rows that they may not see."""
    with ctx.as_service():
        query = sa.select(sa.func.count()).select_from(Project).where(Project.status == Status.DRAFT)
        return await ctx.session.scalar(query) or 0


@app.rpc(to="authenticated")
async def finish(ctx: Context, project_id: int) -> Project:
    """Mark a project as done."""
    project = await ctx.session.get(Project, project_id)
    if project is None:
        raise Fault("there is no such project", code="PT404", hint="Look at /projects.")
    project.done = True
    project.status = Status.DONE
    return project


@app.rpc()
async def add_tasks(ctx: Context, project_id: int, titles: list[str]) -> list[Task]:
    tasks = [Task(project_id=project_id, title=title) for title in titles]
    ctx.session.add_all(tasks)
    await ctx.session.flush()
    return tasks


@app.rpc()
async def write_then(ctx: Context, what: str) -> None:
    """Writes a task, then fails in one of several ways, or not at all."""
    ctx.session.add(Task(project_id=1, title="of write_then"))
    await ctx.session.flush()
    if what == "raise":
        raise Fault("no more tasks today", code="P0001", details="all gone", hint="come back tomorrow")
    if what == "crash":
        raise RuntimeError("canary-crash")
    if what == "break":
        ctx.session.add(Task(project_id=999, title="of nothing"))
    if what == "locked":
        ctx.session.add(Task(project_id=1, title="locked"))


@app.rpc(read_only=True)
async def write_while_reading(ctx: Context) -> None:
    ctx.session.add(Task(project_id=1, title="of a reader"))
    await ctx.session.flush()


@app.rpc()
async def nothing(ctx: Context) -> None:
    return None


@app.rpc(to="service_role", name="canary_function")
async def secret(ctx: Context, canary_argument: int) -> int:
    return canary_argument


# --- functions for functions-js ---


@app.function(name="hello-world")
async def hello_world(ctx: Context, body: Point, shout: bool = False) -> dict[str, Any]:
    """Typed: a point, and a word of the query."""
    return {"sum": body.x + body.y, "shout": shout, "role": ctx.auth.role}


@app.function(methods=("GET", "POST", "PUT", "PATCH", "DELETE"))
async def mirror(ctx: Context, request: WebRequest) -> dict[str, Any]:
    """What came, as it came."""
    body = await request.body()
    return {
        "method": request.method,
        "type": request.media_type,
        "body": body.decode("latin-1"),
        "region": request.header("x-region"),
        "query": dict(request.query),
        "mine": request.header("x-mine"),
    }


@app.function()
async def album(ctx: Context, body: Form) -> dict[str, Any]:
    """Fields and files of a form."""
    return {
        name: value if isinstance(value, str) else [value.filename, value.content_type, value.data.decode()]
        for name, value in body
    }


@app.function(name="as")
async def as_kind(ctx: Context, kind: str) -> Any:
    """An answer of each kind that the client tells apart."""
    if kind == "form":
        edge = '--edge\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--edge--\r\n'
        return Reply(edge, media_type="multipart/form-data; boundary=edge")
    kinds: dict[str, Any] = {"json": {"a": [1]}, "text": "wörds", "blob": b"\x00\xff", "nothing": None}
    return kinds[kind]


@app.function()
async def ticks(ctx: Context, count: int = 3) -> AsyncIterator[Event]:
    for number in range(count):
        yield Event({"n": number}, id=str(number))
        await asyncio.sleep(0.01)


@app.function()
async def refuse(ctx: Context, how: str) -> Any:
    """Fails in one of several ways."""
    ctx.session.add(Task(project_id=1, title="of refuse"))
    await ctx.session.flush()
    if how == "fault":
        raise Fault("no tea here", code="PT418", hint="It is a pot.")
    raise RuntimeError("canary-crash")


@app.function()
async def sleep(ctx: Context) -> None:
    await asyncio.sleep(2)


@app.function(to="authenticated")
async def letters(ctx: Context) -> list[str]:
    return list(await ctx.session.scalars(sa.select(Letter.body)))


@app.function()
async def write_task(ctx: Context, body: str) -> int:
    task = Task(project_id=1, title=body)
    ctx.session.add(task)
    await ctx.session.flush()
    return task.id


def another() -> App:
    """The same app once more: one that is served is served once."""
    fresh = App(models=Club, title=app.title)
    fresh.policies, fresh.column_rules, fresh.functions = app.policies, app.column_rules, app.functions
    fresh.endpoints = app.endpoints
    return fresh


# --- rows ---

ROWS: dict[type[Club], list[dict[str, Any]]] = {
    Person: [
        {"id": 1, "name": "Ada", "age": 36, "user_id": UUID(ADA)},
        {"id": 2, "name": "Grace", "age": 85, "user_id": UUID(GRACE), "mentor_id": 1},
        {"id": 3, "name": "Linus", "age": 21, "mentor_id": 1},
        {"id": 4, "name": "Ken, B.", "age": None, "mentor_id": 2},
    ],
    Project: [
        {"id": 1, "title": "Engine", "slug": "engine", "status": Status.OPEN, "budget": Decimal("1200.50"),
         "details": {"kind": "brass", "size": {"wheels": 8}, "tags": ["old", "big"]}, "due": date(2027, 1, 31),
         "created_at": datetime(2026, 1, 1, tzinfo=UTC), "owner_id": 1, "reviewer_id": 2},
        {"id": 2, "title": "Compiler", "slug": "compiler", "status": Status.DONE, "budget": Decimal("99.90"),
         "done": True, "details": {"kind": "words", "size": {"wheels": 0}}, "due": None,
         "created_at": datetime(2026, 2, 1, 12, 30, tzinfo=UTC), "owner_id": 2, "reviewer_id": 1},
        {"id": 3, "title": "Kernel", "slug": "kernel", "status": Status.OPEN, "budget": None, "details": None,
         "due": date(2026, 12, 24), "created_at": datetime(2026, 3, 1, tzinfo=UTC), "owner_id": 3, "reviewer_id": None},
        {"id": 4, "title": "Secret plan", "slug": None, "status": Status.DRAFT, "budget": Decimal(5), "details": None,
         "due": None, "created_at": datetime(2026, 4, 1, tzinfo=UTC), "owner_id": 1, "reviewer_id": None},
    ],
    Task: [
        {"id": 1, "project_id": 1, "title": "draw", "points": 3, "note": "in ink"},
        {"id": 2, "project_id": 1, "title": "build", "points": 8, "note": None},
        {"id": 3, "project_id": 2, "title": "parse", "points": 5, "note": "100% done"},
        {"id": 4, "project_id": 3, "title": "boot", "points": 2, "note": None},
        {"id": 5, "project_id": 4, "title": "hide", "points": 1, "note": None},
        {"id": 6, "project_id": 3, "title": "locked", "points": 1, "note": "canary-locked"},
    ],
    Membership: [
        {"person_id": 1, "project_id": 1, "role": "owner"},
        {"person_id": 2, "project_id": 1, "role": "member"},
        {"person_id": 2, "project_id": 2, "role": "owner"},
        {"person_id": 3, "project_id": 3, "role": "owner"},
    ],
    Vault: [{"id": 1, "canary_code": "canary-code"}],
}  # fmt: skip


def fill(house: House) -> None:
    """Create the tables and put the rows in. The house is not started yet."""
    house.prepare()
    with house.engine.migration_connection() as connection:
        for model, rows in ROWS.items():
            table = model.__table__
            assert isinstance(table, sa.Table)
            for row in rows:
                connection.execute(table.insert().values(row))
        connection.commit()
