"""Webhooks of an app whose requests run in their callers' roles: no caller may touch their tables, the house may."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.api.scenario import ANON, SERVICE, Persona, Place, Request, send
from tests.api.test_webhooks_in import paid, stripe_header
from tests.api.webhook_house import NAMED, STRIPE, invoice_app
from undercroft.access.actor import SERVICE as SERVICE_ACTOR

pytestmark = pytest.mark.needs("postgres")
ada = Persona("a", "authenticated", "11111111-1111-4111-8111-111111111111")


@pytest.fixture
def place(tmp_path: Path, postgres_server: str) -> Iterator[Place]:
    settings = {
        "UNDERCROFT_DATABASE_RLS": "true",
        "UNDERCROFT_WEBHOOKS_SECRETS": NAMED,
        "UNDERCROFT_WEBHOOKS_HTTPS_ONLY": "false",
        "UNDERCROFT_OUTGOING_ALLOW": "127.0.0.1:*",
    }
    with Place(invoice_app(), tmp_path, server=postgres_server, **settings) as made:
        yield made


def until(place: Place, text: str, expected: list[tuple[Any, ...]]) -> None:
    import asyncio

    end = time.monotonic() + 15
    while place.sql(text) != expected:
        assert time.monotonic() < end, place.sql(text)
        place.run(asyncio.sleep(0.05))


def test_a_caller_s_write_is_an_event_and_its_delivery_is_made(place: Place) -> None:
    async def add() -> None:
        async with place.house.pipeline.calling(SERVICE_ACTOR) as calling:
            await calling.context.webhooks.add("http://127.0.0.1:1/", ["invoices.*"])

    place.run(add())
    for who, number in ((ANON, 1), (ada, 2), (SERVICE, 3)):
        assert place.ask(send("POST", "/rest/v1/invoices", {"id": number, "amount": 5}), who).status == 201
    until(place, "select count(*) from undercroft.webhook_attempts", [(3,)])
    assert place.sql("select count(*) from undercroft.webhook_events") == [(3,)]
    assert place.sql("select distinct attempts from undercroft.webhook_deliveries") == [(1,)]


def test_an_event_that_comes_in_is_handled(place: Place) -> None:
    body = json.dumps(paid(1)).encode()
    headers = (("stripe-signature", stripe_header(body, time.time(), STRIPE)),)
    for expected in ({"received": True}, {"received": True, "duplicate": True}):
        assert place.ask(Request("POST", "/webhooks/v1/stripe", headers, body)).json() == expected
    until(place, "select event, what from payments", [("evt_1", "invoice.paid")])


@pytest.mark.parametrize("role", ["anon", "authenticated"])
def test_no_caller_s_role_reaches_the_tables(place: Place, role: str) -> None:
    url = place._url
    assert url is not None
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"SET ROLE {role}".encode())
        for table in ("webhook_endpoints", "webhook_events", "webhook_deliveries", "webhook_attempts", "webhook_inbox"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(f"SELECT 1 FROM undercroft.{table}".encode())
