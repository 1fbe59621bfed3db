"""Tables that are not served, as `auth.users`, are closed to `ctx.session` too, unless the code acts as the service."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import httpx2
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, aliased, mapped_column

from undercroft import App, Context, Model, User
from undercroft.base.settings import Settings
from undercroft.models.base import NAMES

pytestmark = pytest.mark.anyio


class Base(Model):
    __abstract__ = True
    metadata = sa.MetaData(naming_convention=NAMES)


class Note(Base):
    __tablename__ = "closed_notes"
    id: Mapped[int] = mapped_column(primary_key=True)


app = App(Base)


@app.policy(Note, "select")
def everybody(note: object) -> bool:
    """Notes are public."""
    return True


@app.rpc()
async def users(ctx: Context) -> list[int]:
    """How many users a caller finds: directly, through an alias, in a join, in a subquery; and as the service."""
    other = aliased(User)
    session = ctx.session
    found = [
        len((await session.scalars(sa.select(User))).all()),
        len((await session.scalars(sa.select(other))).all()),
        len((await session.scalars(sa.select(Note).join(User, sa.true()))).all()),
        len((await session.scalars(sa.select(Note).where(sa.exists(sa.select(User.id))))).all()),
        int(await session.get(User, USER) is not None),
    ]
    with ctx.as_service():
        found.append(len((await session.scalars(sa.select(User))).all()))
    return found


USER = uuid4()


async def test_users_are_closed_to_a_session_of_a_caller(tmp_path: Path) -> None:
    app.settings = Settings.load(None, {"UNDERCROFT_DATABASE_DATA": str(tmp_path / "data")})
    house = await app.start()
    try:
        async with house.engine.transaction() as transaction:
            session = transaction.session()
            session.add_all([User(id=USER, email="ada@example.org"), Note(id=1)])
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://x") as client:
            answer = await client.post("/rest/v1/rpc/users", json={})
            assert answer.json() == [0, 0, 0, 0, 0, 1]
            service = {"apikey": house.keys.service_role.reveal()}
            answer = await client.post("/rest/v1/rpc/users", json={}, headers=service)
            assert answer.json() == [1, 1, 1, 1, 1, 1]
            assert (await client.get("/rest/v1/users", headers=service)).status_code == 404
    finally:
        await app.stop()
