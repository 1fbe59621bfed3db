"""An app around FastAPI, an app within FastAPI, and an app of models that somebody else wrote."""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from sqlalchemy.orm import DeclarativeBase, Mapped, declarative_base, mapped_column, relationship

from undercroft import App, Context, auth
from undercroft.app import House, build
from undercroft.base.faults import SetupFault
from undercroft.base.settings import Settings

pytestmark = pytest.mark.anyio
FULL = {"prefer": "return=representation"}


class Base(DeclarativeBase):
    """An existing project's own: no naming convention, SQLAlchemy's types as they are."""


class State(enum.Enum):
    open = "o"
    done = "d"


class Owner(Base):
    __tablename__ = "owners"
    id: Mapped[int] = mapped_column(sa.Integer, primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(20), nullable=False)
    tickets: Mapped[list[Ticket]] = relationship(back_populates="owner")


class Ticket(Base):
    __tablename__ = "tickets"
    id: Mapped[UUID] = mapped_column(sa.Uuid, primary_key=True, default=uuid4)
    title: Mapped[str] = mapped_column(sa.String, index=True)
    state: Mapped[State] = mapped_column(sa.Enum(State), default=State.open)
    meta: Mapped[Any] = mapped_column(sa.JSON, nullable=True)
    made: Mapped[datetime] = mapped_column(sa.DateTime, server_default=sa.func.now())
    owner_id: Mapped[int | None] = mapped_column(sa.ForeignKey("owners.id"))
    owner: Mapped[Owner | None] = relationship(back_populates="tickets")


def theirs() -> App:
    app = App(models=Base)

    @app.policy(Owner, "select")
    @app.policy(Ticket, "select", "insert", "update")
    def everybody(row: Any) -> bool:
        return True

    @app.rpc()
    async def close(ctx: Context, ticket: UUID) -> Ticket:
        found = await ctx.session.get_one(Ticket, ticket)
        found.state = State.done
        return found

    return app


def settled(app: App, folder: Path) -> App:
    app.settings = Settings.load(None, {"UNDERCROFT_DATABASE_DATA": str(folder / "data")})
    return app


def client(app: Any) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://x")


@asynccontextmanager
async def started(app: App) -> AsyncIterator[House]:
    try:
        yield await app.start()
    finally:
        await app.stop()


def fastapi() -> FastAPI:
    inner = FastAPI()

    @inner.get("/hello")
    async def hello(name: str = "you") -> dict[str, str]:
        return {"hello": name}

    return inner


# ---------------------------------------------------------------- one within the other


async def test_fastapi_within_an_app(tmp_path: Path) -> None:
    app = settled(theirs(), tmp_path)
    app.mount("/api", fastapi())
    async with started(app), client(app) as http:
        assert (await http.get("/api/hello?name=a")).json() == {"hello": "a"}
        assert (await http.get("/api/nothing")).status_code == 404
        assert (await http.get("/api/openapi.json")).json()["paths"].keys() == {"/hello"}
        assert (await http.get("/rest/v1/owners")).json() == []
        assert (await http.get("/apikeys")).status_code == 404
        assert (await http.get("/healthz")).text == "ok\n"


async def test_an_app_within_fastapi(tmp_path: Path) -> None:
    app = settled(theirs(), tmp_path)
    outer = fastapi()
    outer.mount("/backend", app)
    try:
        async with client(outer) as http:
            # Nobody announces the start to a mounted application: the first request does.
            assert (await http.get("/backend/rest/v1/owners")).json() == []
            assert (await http.get("/hello")).json() == {"hello": "you"}
            reply = await http.post("/backend/rest/v1/tickets?select=title", json={"title": "t"}, headers=FULL)
            assert (reply.status_code, reply.json()) == (201, [{"title": "t"}])
            assert (await http.get("/backend/rest/v1/nope")).json()["code"] == "PGRST205"
            assert (await http.get("/rest/v1/owners")).status_code == 404
            assert (await http.get("/backend/readyz")).json() == {"ready": True}
    finally:
        await app.stop()


async def test_first_requests_at_once_start_it_once(tmp_path: Path) -> None:
    import asyncio

    app = settled(theirs(), tmp_path)
    outer = FastAPI()
    outer.mount("/b", app)
    try:
        async with client(outer) as http:
            replies = await asyncio.gather(*(http.get("/b/rest/v1/owners") for _ in range(20)))
        assert {reply.status_code for reply in replies} == {200}
    finally:
        await app.stop()


async def test_mounted_in_the_lifespan_of_another(tmp_path: Path) -> None:
    app = settled(theirs(), tmp_path)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with started(app):
            yield

    outer = FastAPI(lifespan=lifespan)
    outer.mount("/b", app)
    async with outer.router.lifespan_context(outer), client(outer) as http:
        assert (await http.get("/b/rest/v1/owners")).status_code == 200
        assert app._house is not None
    assert app._house is None


async def test_an_app_is_stopped_and_started_again(tmp_path: Path) -> None:
    app = settled(theirs(), tmp_path)
    for turn in (1, 2):
        async with started(app), client(app) as http:
            await http.post("/rest/v1/tickets", json={"title": f"turn {turn}"})
            assert len((await http.get("/rest/v1/tickets?select=id")).json()) == turn


# ---------------------------------------------------------------- models of an existing project


async def test_models_of_an_existing_project_are_served_as_they_are(tmp_path: Path) -> None:
    app = settled(theirs(), tmp_path)
    async with started(app) as house, client(app) as http:
        service = {"authorization": f"Bearer {house.keys.service_role.reveal()}"}
        await http.post("/rest/v1/owners", json=[{"id": 1, "name": "Ada"}], headers=service)
        body = {"title": "t", "meta": {"a": [1, None]}, "owner_id": 1}
        (made,) = (await http.post("/rest/v1/tickets", json=body, headers=FULL)).json()
        assert UUID(made["id"]).version == 4
        assert (made["state"], made["meta"], made["title"]) == ("open", {"a": [1, None]}, "t")
        assert datetime.fromisoformat(made["made"]).tzinfo is None
        embedded = await http.get("/rest/v1/tickets?select=title,owner(name),meta->a->0")
        assert embedded.json() == [{"title": "t", "owner": {"name": "Ada"}, "a": 1}]
        assert (await http.get("/rest/v1/owners?select=tickets(state)")).json() == [{"tickets": [{"state": "open"}]}]
        assert (await http.get(f"/rest/v1/tickets?select=title&id=eq.{made['id']}&state=eq.open")).json() == [
            {"title": "t"}
        ]
        closed = await http.post("/rest/v1/rpc/close?select=state", json={"ticket": made["id"]})
        assert closed.json() == {"state": "done"}
        assert (await http.post("/rest/v1/owners", json={"name": "x"})).status_code == 401
        assert (await http.get("/rest/v1/users")).json()["code"] == "PGRST205"


async def test_bases_made_by_the_older_function_are_taken_too(tmp_path: Path) -> None:
    older: Any = declarative_base()

    class Thing(older):  # type: ignore[misc]  # made at run time
        __tablename__ = "things"
        id = sa.Column(sa.Integer, primary_key=True)
        name = sa.Column(sa.String)

    app = settled(App(models=older), tmp_path)
    app.policy(Thing, "select", "insert")(lambda thing: thing.name != "secret")
    async with started(app), client(app) as http:
        reply = await http.post("/rest/v1/things", json={"name": "a"}, headers=FULL)
        assert reply.json() == [{"id": 1, "name": "a"}]
        assert (await http.post("/rest/v1/things", json={"name": "secret"})).json()["code"] == "42501"


async def test_classes_that_share_a_table(tmp_path: Path) -> None:
    """Single-table inheritance: the table is the base class's, and every class's objects pass its policies."""

    class Family(DeclarativeBase):
        pass

    class Pet(Family):
        __tablename__ = "pets"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        name: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "pet"}  # noqa: RUF012

    class Ant(Pet):
        __mapper_args__ = {"polymorphic_identity": "ant"}  # noqa: RUF012

    class Zebra(Pet):
        stripes: Mapped[int | None]
        __mapper_args__ = {"polymorphic_identity": "zebra"}  # noqa: RUF012

    app = settled(App(models=Family), tmp_path)
    app.policy(Pet, "select", "insert", "update")(lambda pet: pet.name != "hidden")

    @app.rpc()
    async def add(ctx: Context, kind: str, name: str) -> list[str]:
        ctx.session.add({"ant": Ant, "zebra": Zebra, "pet": Pet}[kind](name=name))
        await ctx.session.flush()
        return [f"{pet.kind} {pet.name}" for pet in await ctx.session.scalars(sa.select(Pet).order_by(Pet.id))]

    @app.rpc()
    async def zebras(ctx: Context) -> list[str]:
        return list(await ctx.session.scalars(sa.select(Zebra.name)))

    async with started(app) as house, client(app) as http:
        service = {"authorization": f"Bearer {house.keys.service_role.reveal()}"}
        for kind in ("pet", "ant", "zebra"):
            await http.post("/rest/v1/rpc/add", json={"kind": kind, "name": kind})
            await http.post("/rest/v1/pets", json={"kind": kind, "name": "hidden"}, headers=service)
        found = (await http.get("/rest/v1/pets?select=kind,name&order=id")).json()
        assert found == [{"kind": kind, "name": kind} for kind in ("pet", "ant", "zebra")]
        assert (await http.post("/rest/v1/rpc/zebras")).json() == ["zebra"]
        refused = await http.post("/rest/v1/rpc/add", json={"kind": "zebra", "name": "hidden"})
        assert refused.json()["code"] == "42501"


async def test_joined_inheritance_is_refused_at_the_start(tmp_path: Path) -> None:
    """A row of two tables would need the policies of both at every door: said, rather than half done."""

    class Family(DeclarativeBase):
        pass

    class Animal(Family):
        __tablename__ = "animals"
        id: Mapped[int] = mapped_column(primary_key=True)
        kind: Mapped[str]
        __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "animal"}  # noqa: RUF012

    class Horse(Animal):
        __tablename__ = "horses"
        id: Mapped[int] = mapped_column(sa.ForeignKey("animals.id"), primary_key=True)
        speed: Mapped[int]
        __mapper_args__ = {"polymorphic_identity": "horse"}  # noqa: RUF012

    assert Horse.speed is not None
    app = settled(App(models=Family), tmp_path)
    with pytest.raises(SetupFault, match=r"Horse.*animals.*horses"):
        await app.start()


def test_a_policy_of_another_projects_class_is_refused(tmp_path: Path) -> None:
    class Other(DeclarativeBase):
        pass

    class Thing(Other):
        __tablename__ = "others"
        id: Mapped[int] = mapped_column(primary_key=True)

    app = App(models=Base)
    app.policy(Thing, "select")(lambda thing: thing.id == auth.uid)
    with pytest.raises(SetupFault, match="others, which is not served"):
        build(app, Settings.load(None, {"UNDERCROFT_DATABASE_DATA": str(tmp_path)}))
