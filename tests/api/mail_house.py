"""An app that sends mails, on either engine, and what stands in its tables."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import CheckConstraint, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests import postgres
from undercroft import App, Context
from undercroft.access.actor import SERVICE
from undercroft.app import House, build
from undercroft.base.clock import Clock
from undercroft.base.settings import Settings
from undercroft.mail.service import Mailer
from undercroft.mail.types import Message, Taken
from undercroft.models.base import NAMES

WELCOME = "{% block subject %}Welcome, {{ name }}{% endblock %}<p>Hello {{ name }}</p>"


class MailBase(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)


class Guest(MailBase):
    """Somebody who is written to when they are added."""

    __tablename__ = "guests"
    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str]
    seats: Mapped[int] = mapped_column(CheckConstraint("seats > 0"))


def guest_app() -> App:
    app = App(MailBase, title="Feast")

    @app.policy(Guest, "select", "insert")
    def anyone(guest: Any) -> Any:
        """Guests add themselves."""
        return guest.id == guest.id

    @app.before_insert(Guest)
    async def welcome(ctx: Context, guest: Guest) -> None:
        await ctx.mail("welcome", guest.address, name=guest.address, key=f"welcome:{guest.address}")

    return app


class MailHouse:
    """A started house, and how a test speaks with it."""

    def __init__(self, house: House, app: App) -> None:
        self.house = house
        self.app = app

    @property
    def mailer(self) -> Mailer:
        assert self.house.mailer is not None
        return self.house.mailer

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[Context]:
        async with self.house.pipeline.calling(SERVICE) as calling:
            yield calling.context

    async def mail(self, to: str = "ada@example.com", **given: Any) -> int:
        async with self.calling() as ctx:
            return await ctx.mail("welcome", to, **{"name": "Ada", **given})

    async def rows(self, table: str, columns: str, tail: str = "ORDER BY 1") -> list[tuple[Any, ...]]:
        sqlite = self.house.engine.dialect.name == "sqlite"
        name = f'"undercroft.{table}"' if sqlite else f"undercroft.{table}"
        return await self.house.engine.write(lambda cursor: cursor.all(f"SELECT {columns} FROM {name} {tail}"))

    async def states(self) -> dict[int, str]:
        return dict(await self.rows("mails", "id, state"))

    async def until(self, condition: Callable[[], Any], seconds: float = 10) -> None:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110  # the database tells nobody
                await asyncio.sleep(0.01)

    async def settled(self) -> None:
        """Wait until no mail is to be sent any more."""

        async def is_settled() -> bool:
            return not {"waiting", "sending"} & set((await self.states()).values())

        await self.until(is_settled)

    async def post(self, path: str, body: Any) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=self.house.serve)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test/rest/v1") as client:
            return await client.post(path, json=body)

    async def page(self, path: str, host: str = "localhost:8000", client: str = "127.0.0.1") -> httpx2.Response:
        """What a browser gets beside the API."""
        transport = httpx2.ASGITransport(app=self.house.serve, client=(client, 1234))
        async with httpx2.AsyncClient(transport=transport, base_url="http://localhost") as asking:
            return await asking.get(path, headers={"host": host})


class Scripted:
    """A backend that answers as it is told, one answer for each message; then it takes everything."""

    name = "scripted"
    keeps = False

    def __init__(self, *answers: Exception) -> None:
        self.answers = list(answers)
        self.sent: list[Message] = []
        self.gate: asyncio.Event | None = None
        self.says = "250 taken"

    async def start(self) -> None:
        pass

    async def stop(self) -> None:
        pass

    async def send(self, message: Message) -> Taken:
        self.sent.append(message)
        if self.gate is not None:
            await self.gate.wait()
        if self.answers:
            raise self.answers.pop(0)
        return Taken("scripted", self.says)


@asynccontextmanager
async def mail_house(
    folder: Path,
    server: str | None,
    *,
    clock: Clock | None = None,
    app: App | None = None,
    dev: bool = False,
    **settings: object,
) -> AsyncIterator[MailHouse]:
    """The app on a database of its own; `settings` are those of `[mail]`, and `jobs_enabled`."""
    templates = folder / "templates"
    templates.mkdir(exist_ok=True)
    (templates / "welcome.html").write_text(
        "{% block subject %}Welcome, {{ name }}{% endblock %}<p>Hello {{ name }}</p>"
    )
    mail = {"backend": "memory", "templates": templates, "sender": "Feast <feast@example.com>"} | settings
    jobs = mail.pop("jobs_enabled", True)
    given = {f"UNDERCROFT_MAIL_{name.upper()}": str(value) for name, value in mail.items()}
    given |= {"UNDERCROFT_DATABASE_DATA": str(folder / "data"), "UNDERCROFT_JOBS_ENABLED": str(jobs)}
    app = app or guest_app()
    app.developing = True
    if server is None:
        async with _started(app, given, clock, dev=dev) as made:
            yield made
        return
    with postgres.database(server) as url:
        async with _started(app, given | {"UNDERCROFT_DATABASE_URL": url}, clock, dev=dev) as made:
            yield made


@asynccontextmanager
async def _started(app: App, given: dict[str, str], clock: Clock | None, *, dev: bool) -> AsyncIterator[MailHouse]:
    house = build(app, Settings.load(None, given), clock=clock, dev=dev)
    await house.start()
    try:
        yield MailHouse(house, app)
    finally:
        await house.close()
