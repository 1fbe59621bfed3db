"""An app with webhooks of both directions, on either engine, and a clock that a test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import CheckConstraint, MetaData
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from tests import postgres
from undercroft import App, Context, Fault
from undercroft.access.actor import SERVICE
from undercroft.app import House, build
from undercroft.base.clock import Clock
from undercroft.base.secret import Secret
from undercroft.base.settings import Settings
from undercroft.models.base import NAMES
from undercroft.webhooks import Incoming, Verified, WebhookEvent, github, standard_webhooks, stripe
from undercroft.webhooks.service.endpoints import Endpoints

STRIPE, STRIPE_OLD, GITHUB = "whsec_stripe_secret", "whsec_stripe_old", "It's a Secret to Everybody"
STANDARD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NAMED = f"stripe={STRIPE},stripe_old={STRIPE_OLD},github={GITHUB},partner={STANDARD}"


class HookBase(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMES)


class Invoice(HookBase):
    """Its changes are events."""

    __tablename__ = "invoices"
    id: Mapped[int] = mapped_column(primary_key=True)
    amount: Mapped[int] = mapped_column(CheckConstraint("amount > 0"))
    note: Mapped[str] = mapped_column(server_default="none")
    margin: Mapped[int] = mapped_column(server_default="7")


class Payment(HookBase):
    """What the handlers of events write."""

    __tablename__ = "payments"
    id: Mapped[int] = mapped_column(primary_key=True)
    event: Mapped[str]
    what: Mapped[str]


def invoice_app() -> App:
    app = App(HookBase, title="Books")
    app.hide(Invoice.margin, to="anon")
    app.notify(Invoice)
    app.notify(Invoice, "delete", event="invoice.void", payload=lambda invoice: {"number": invoice.id})

    @app.policy(Invoice, "select", "insert", "update", "delete")
    def anyone(invoice: Any) -> Any:
        """For the test everybody keeps the books."""
        return invoice.id == invoice.id

    @app.webhook("/stripe", verify=stripe("stripe", "stripe_old"), retries=2)
    async def paid(ctx: Context, event: WebhookEvent) -> None:
        ctx.session.add(Payment(event=event.id, what=event.type))
        await ctx.session.flush()
        if event.json().get("fails"):
            raise Fault("not now", retry_after=0)

    @app.webhook("/github", verify=github("github"))
    async def pushed(ctx: Context, event: WebhookEvent) -> None:
        ctx.session.add(Payment(event=event.id, what=event.type))

    def about(event: WebhookEvent) -> tuple[object, int]:
        data = event.json()
        return data["object"], data["created"]

    @app.webhook("/partner/orders", verify=standard_webhooks("partner"), ordered_by=about)
    async def ordered(ctx: Context, event: WebhookEvent) -> None:
        ctx.session.add(Payment(event=event.id, what=str(event.json()["created"])))

    async def by_token(incoming: Incoming) -> Verified | None:
        return Verified(incoming.headers["x-id"], "own") if incoming.headers.get("x-token") == "open sesame" else None

    @app.webhook("/own", verify=by_token)
    async def own(ctx: Context, event: WebhookEvent) -> None:
        ctx.session.add(Payment(event=event.id, what=event.body.hex()))

    return app


class WebhookHouse:
    """A started house, and how a test speaks with it."""

    def __init__(self, house: House) -> None:
        self.house = house

    @asynccontextmanager
    async def calling(self) -> AsyncIterator[Context]:
        async with self.house.pipeline.calling(SERVICE) as calling:
            yield calling.context

    @asynccontextmanager
    async def endpoints(self) -> AsyncIterator[Endpoints]:
        async with self.calling() as ctx:
            yield ctx.webhooks

    async def add(self, url: str, *events: str, **given: Any) -> int:
        async with self.endpoints() as endpoints:
            return (await endpoints.add(url, events or ("*",), **given)).id

    async def secret(self, endpoint: int) -> Secret:
        async with self.endpoints() as endpoints:
            return await endpoints.secret(endpoint)

    async def publish(self, event: str, data: Any) -> int:
        async with self.calling() as ctx:
            return await ctx.publish(event, data)

    async def rows(self, table: str, columns: str, tail: str = "ORDER BY 1") -> list[tuple[Any, ...]]:
        sqlite = self.house.engine.dialect.name == "sqlite"
        name = f'"undercroft.{table}"' if sqlite else f"undercroft.{table}"
        return await self.house.engine.write(lambda cursor: cursor.all(f"SELECT {columns} FROM {name} {tail}"))

    async def payments(self) -> list[tuple[Any, ...]]:
        return await self.house.engine.write(lambda cursor: cursor.all("SELECT event, what FROM payments ORDER BY id"))

    async def until(self, condition: Callable[[], Any], seconds: float = 15) -> None:
        async with asyncio.timeout(seconds):
            while not await condition():  # noqa: ASYNC110  # the database tells nobody
                await asyncio.sleep(0.01)

    async def settled(self) -> None:
        """Wait until no job is to be done now."""

        async def is_settled() -> bool:
            return not await self.rows("jobs", "id", "WHERE state IN ('waiting', 'running')")

        await self.until(is_settled)

    async def request(
        self, method: str, path: str, *, json: Any = None, content: bytes | None = None, headers: Any = None
    ) -> httpx2.Response:
        transport = httpx2.ASGITransport(app=self.house.serve)
        async with httpx2.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, json=json, content=content, headers=headers)


@asynccontextmanager
async def webhook_house(
    folder: Path,
    server: str | None,
    *,
    clock: Clock | None = None,
    app: App | None = None,
    given: Mapping[str, str] | None = None,
    **settings: str,
) -> AsyncIterator[WebhookHouse]:
    """The app on a database of its own; settings by their names in the environment, without the prefix."""
    environment = {
        "UNDERCROFT_DATABASE_DATA": str(folder / "data"),
        "UNDERCROFT_WEBHOOKS_SECRETS": NAMED,
        "UNDERCROFT_WEBHOOKS_HTTPS_ONLY": "false",
        "UNDERCROFT_OUTGOING_ALLOW": "127.0.0.1:*",
    } | {f"UNDERCROFT_{name.upper()}": value for name, value in {**(given or {}), **settings}.items()}
    app = app or invoice_app()
    app.developing = True
    if server is None:
        async with _started(app, environment, clock) as made:
            yield made
        return
    with postgres.database(server) as url:
        async with _started(app, environment | {"UNDERCROFT_DATABASE_URL": url}, clock) as made:
            yield made


@asynccontextmanager
async def _started(app: App, given: dict[str, str], clock: Clock | None) -> AsyncIterator[WebhookHouse]:
    house = build(app, Settings.load(None, given), clock=clock)
    await house.start()
    try:
        yield WebhookHouse(house)
    finally:
        await house.close()
