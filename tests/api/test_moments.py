"""Moments that the database writes itself are stored as ours are: the same filter finds both, and they sort
together."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Mapped, mapped_column

from undercroft import App, Context, Model, auth
from undercroft.base.settings import Settings
from undercroft.models.base import NAMES

pytestmark = pytest.mark.anyio


class Base(Model):
    __abstract__ = True
    metadata = sa.MetaData(naming_convention=NAMES)


class Event(Base):
    __tablename__ = "moments"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=sa.func.now())


app = App(Base)


@app.policy(Event, "select", "insert")
def everybody(event: object) -> bool:
    """Everybody may."""
    return True


@app.rpc()
async def mine(ctx: Context) -> int:
    """A claim in one's own query, where it has no value."""
    return len((await ctx.session.scalars(sa.select(Event).where(Event.id == auth.uid))).all())


async def test_moments_of_the_database_and_ours_are_of_one_form(tmp_path: Path) -> None:
    app.settings = Settings.load(None, {"UNDERCROFT_DATABASE_DATA": str(tmp_path / "data")})
    await app.start()
    try:
        async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://x/rest/v1") as client:
            asked = {"Prefer": "return=representation"}
            before = datetime.now(UTC)
            theirs = (await client.post("/moments", json={"id": 1}, headers=asked)).json()[0]["at"]
            assert abs((datetime.fromisoformat(theirs) - before).total_seconds()) < 5
            found = await client.get("/moments", params={"at": f"eq.{theirs}", "select": "id"})
            assert found.json() == [{"id": 1}]
            ours = (await client.post("/moments", json={"id": 2, "at": theirs}, headers=asked)).json()[0]["at"]
            assert ours == theirs
            both = await client.get("/moments", params={"at": f"eq.{theirs}", "order": "id", "select": "id"})
            assert both.json() == [{"id": 1}, {"id": 2}]
            refused = await client.post("/rpc/mine", json={})
            assert refused.status_code == 500, "a claim without a value must not pass as NULL"
    finally:
        await app.stop()
