"""Mail of an app whose requests run in their callers' roles: no caller may touch its tables, the house may."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.api.mail_house import WELCOME, guest_app
from tests.api.scenario import ANON, SERVICE, Persona, Place, send
from undercroft.access.actor import SERVICE as SERVICE_ACTOR

pytestmark = pytest.mark.needs("postgres")
ada = Persona("a", "authenticated", "11111111-1111-4111-8111-111111111111")


@pytest.fixture
def place(tmp_path: Path, postgres_server: str) -> Iterator[Place]:
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "welcome.html").write_text(WELCOME)
    settings = {
        "UNDERCROFT_DATABASE_RLS": "true",
        "UNDERCROFT_MAIL_BACKEND": "memory",
        "UNDERCROFT_MAIL_TEMPLATES": str(templates),
    }
    with Place(guest_app(), tmp_path, server=postgres_server, **settings) as made:
        yield made


def test_a_caller_s_row_brings_its_mail(place: Place) -> None:
    for who, number in ((ANON, 1), (ada, 2), (SERVICE, 3)):
        body = {"id": number, "address": f"guest{number}@example.com", "seats": 1}
        answer = place.ask(send("POST", "/rest/v1/guests", body), who)
        assert answer.status == 201, answer.body
    end = time.monotonic() + 15
    while place.sql("select state, count(*) from undercroft.mails group by state") != [("sent", 3)]:
        assert time.monotonic() < end, place.sql("select state, answer from undercroft.mails")
        place.run(asyncio.sleep(0.05))


def test_code_of_the_house_suppresses(place: Place) -> None:
    async def suppress() -> None:
        async with place.house.pipeline.calling(SERVICE_ACTOR) as calling:
            await calling.context.suppress("guest1@example.com")

    place.run(suppress())
    assert place.sql("select address from undercroft.mail_suppressions") == [("guest1@example.com",)]


@pytest.mark.parametrize("role", ["anon", "authenticated"])
@pytest.mark.parametrize("table", ["mails", "mail_suppressions"])
def test_no_caller_s_role_reaches_the_tables(place: Place, role: str, table: str) -> None:
    url = place._url
    assert url is not None
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"SET ROLE {role}".encode())
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"SELECT 1 FROM undercroft.{table}".encode())
