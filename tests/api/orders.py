"""Orders with lines: an app for requests that bring keys, and for batches."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column, relationship

from tests.api.scenario import Persona
from undercroft import App, Context, Fault, Model, auth
from undercroft.models.base import NAMES

ada = Persona("p", "authenticated", "00000000-0000-0000-0000-00000000000a")
ben = Persona("q", "authenticated", "00000000-0000-0000-0000-00000000000b")
FULL = ("prefer", "return=representation")


class OrdersBase(Model):
    __abstract__ = True
    metadata = sa.MetaData(naming_convention=NAMES)


class Order(OrdersBase):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(unique=True)
    total: Mapped[int] = mapped_column(default=0)
    owner: Mapped[UUID] = mapped_column(default=auth.uid)
    lines: Mapped[list[OrderLine]] = relationship(back_populates="order")


class OrderLine(OrdersBase):
    """A table with hooks."""

    __tablename__ = "order_lines"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey(Order.id), index=True)
    name: Mapped[str]
    order: Mapped[Order] = relationship(back_populates="lines")


class OrderNote(OrdersBase):
    """What hooks and functions write down."""

    __tablename__ = "order_notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    said: Mapped[str]


class OrderDoc(OrdersBase):
    """A key that callers choose, and a value of any shape."""

    __tablename__ = "order_docs"
    code: Mapped[str] = mapped_column(primary_key=True)
    doc: Mapped[dict[str, Any] | None]
    text: Mapped[str | None]


def orders() -> App:
    """The app: everybody sees and changes what is their own."""
    app = App(OrdersBase)

    @app.policy(Order, "select", "insert", "update", "delete", to="authenticated")
    def own(order: Any) -> Any:
        return order.owner == auth.uid

    @app.policy(OrderLine, "select", "insert", "update", "delete", to="authenticated")
    def own_lines(line: Any) -> Any:
        return line.order_id.in_(sa.select(Order.id).where(Order.owner == auth.uid))

    @app.policy(OrderNote, "select", to="authenticated")
    def notes(note: Any) -> Any:
        return True

    @app.policy(OrderDoc, "select", "insert", "update", "delete", to="authenticated")
    def docs(doc: Any) -> Any:
        return True

    app.preset(Order.owner, auth.uid, to="authenticated")

    @app.before_insert(OrderLine)
    @app.before_update(OrderLine)
    async def shout(ctx: Context, line: OrderLine) -> None:
        line.name = line.name.upper()
        if line.name == "REFUSED":
            raise Fault("not that one", code="P0001")
        with ctx.as_service():
            ctx.session.add(OrderNote(said=f"line {line.name}"))
            await ctx.session.flush()

    @app.rpc()
    async def place_order(ctx: Context, title: str) -> int:
        order = Order(title=title)
        ctx.session.add(order)
        await ctx.session.flush()
        return order.id

    @app.rpc(read_only=True)
    async def orders_seen(ctx: Context) -> int:
        return int(await ctx.session.scalar(sa.select(sa.func.count()).select_from(Order)) or 0)

    @app.rpc(read_only=True)
    async def sly(ctx: Context) -> int:
        """Says that it only reads, and writes."""
        with ctx.as_service():
            ctx.session.add(OrderNote(said="sly"))
            await ctx.session.flush()
        return 1

    @app.rpc()
    async def my_orders(ctx: Context) -> list[Order]:
        return list(await ctx.session.scalars(sa.select(Order).order_by(Order.id)))

    return app
