"""`ctx.http` in an app: a call belongs to the request that caused it, and its failures have codes of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy.orm import DeclarativeBase

from tests.receiver import receiving
from undercroft import App, Context
from undercroft.app import build
from undercroft.base.settings import Settings

pytestmark = pytest.mark.anyio
PARENT = f"00-{'ab' * 16}-{'cd' * 8}-01"


class CallingBase(DeclarativeBase):
    pass


def calling_app() -> App:
    app = App(CallingBase)

    @app.rpc()
    async def look(ctx: Context, url: str) -> int:
        reply = await ctx.http.get(url)
        return int(reply.status)

    return app


@asynccontextmanager
async def client_of(folder: Path) -> AsyncIterator[httpx2.AsyncClient]:
    settings = {"UNDERCROFT_DATABASE_DATA": str(folder / "data"), "UNDERCROFT_OUTGOING_ALLOW": "127.0.0.1:*"}
    app = calling_app()
    app.developing = True
    house = build(app, Settings.load(None, settings))
    await house.start()
    try:
        async with httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=house.serve), base_url="http://test/rest/v1/rpc"
        ) as client:
            yield client
    finally:
        await house.close()


async def test_a_trace_goes_on(tmp_path: Path) -> None:
    async with receiving() as receiver, client_of(tmp_path) as client:
        for headers in ({"traceparent": PARENT, "x-request-id": "r-1"}, {}, {"x-request-id": "bad id\x7f"}):
            reply = await client.post("/look", json={"url": receiver.url}, headers=headers)
            assert (reply.status_code, reply.json()) == (200, 200)
    first, second, third = (got.headers for got in receiver.got)
    assert first["traceparent"].startswith(f"00-{'ab' * 16}-")
    assert first["traceparent"] != PARENT
    assert first["x-request-id"] == "r-1"
    assert "x-request-id" not in second
    assert "ab" * 16 not in second["traceparent"]
    assert third["x-request-id"] != "bad id\x7f"


@pytest.mark.parametrize(
    ("url", "status", "code"),
    [
        ("http://169.254.169.254/latest/s3cret", 400, "UC470"), ("nonsense", 400, "UC470"),
        ("http://127.0.0.1:1/s3cret", 502, "UC502"),
    ],
)  # fmt: skip
async def test_what_a_caller_is_told(tmp_path: Path, url: str, status: int, code: str) -> None:
    async with client_of(tmp_path) as client:
        reply = await client.post("/look", json={"url": url})
    told: Any = reply.json()
    assert (reply.status_code, told["code"]) == (status, code)
    assert "s3cret" not in reply.text
    assert "169.254" not in reply.text
