"""A process that asks for mails and sends them is killed at any moment: every mail of a commit arrives, no other does,
and where one arrives twice, it is the same message."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx2
import pytest

from tests import postgres
from tests.e2e.processes import served, undercroft
from tests.e2e.test_contact_form import free_tcp_port, listening
from tests.mailserver import MailServer

pytestmark = [pytest.mark.needs("linux"), pytest.mark.timeout(3600)]

APP = """
from sqlalchemy.orm import Mapped, mapped_column

from undercroft import App, Context, Model

app = App(title="Orders")


class Order(Model):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


@app.policy(Order, "select", "insert")
def everybody(order):
    return True


@app.after_insert(Order)
async def confirm(ctx: Context, order: Order) -> None:
    await ctx.mail("order", f"{order.name}@example.com", key=order.name, name=order.name)
"""
TEMPLATE = "{% block subject %}{{ name }}{% endblock %}<p>{{ name }}</p>"
AT_ONCE = 16
"""Jobs that a worker runs at once: as many mails may be between the server's answer and our commit."""


@pytest.fixture(
    params=[None, pytest.param("postgres", marks=pytest.mark.needs("postgres"))], ids=["sqlite", "postgres"]
)
def database(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    if request.param is None:
        yield {}
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url:
        yield {"UNDERCROFT_DATABASE_URL": url}


@pytest.fixture
def mail_server() -> Iterator[MailServer]:
    with listening() as server:
        yield server


def test_kill_at_any_moment(
    tmp_path: Path,
    database: dict[str, str],
    mail_server: MailServer,
    rounds: Callable[[int, int], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "templates" / "mail").mkdir(parents=True)
    (tmp_path / "templates" / "mail" / "order.html").write_text(TEMPLATE)
    chance, port, number = random.Random(7), free_tcp_port(), 0
    url = f"http://127.0.0.1:{port}"
    given = database | {
        "UNDERCROFT_API_MAX_ROWS": "0",
        "UNDERCROFT_JOBS_LEASE": "1",
        "UNDERCROFT_JOBS_POLL": "500ms",
        "UNDERCROFT_MAIL_BACKEND": "smtp",
        "UNDERCROFT_MAIL_SENDER": "orders@example.com",
        "UNDERCROFT_MAIL_SERVERS": f"smtp+plain://127.0.0.1:{mail_server.port}",
        "UNDERCROFT_MAIL_TIMEOUT": "500ms",
    }
    undercroft("migrate", "make", "orders", cwd=tmp_path, code=0, **given)
    undercroft("migrate", "up", cwd=tmp_path, code=0, **given)
    words, kills, told = ("serve", "app.py", "--port", str(port)), rounds(2, 60), set[str]()
    for _ in range(kills):
        with served(*words, cwd=tmp_path, url=url, **given) as process, httpx2.Client(base_url=url) as client:
            process.ready()
            until = time.monotonic() + chance.uniform(0.2, 1.5)
            while time.monotonic() < until:
                number += 1
                answer = client.post("/rest/v1/orders", json={"name": f"order{number}"})
                assert answer.status_code == 201, answer.text
                told.add(f"order{number}")
            process.signal(9)
            process.ended()
    with served(*words, cwd=tmp_path, url=url, **given) as process, httpx2.Client(base_url=url) as client:
        process.ready()
        stored = {row["name"] for row in client.get("/rest/v1/orders?select=name").json()}
        settle(mail_server, stored)
    arrived = [(mail["Subject"], mail["Message-ID"]) for mail in mail_server.mails]
    assert stored == told
    assert len(told) > 5 * kills
    assert {subject for subject, _ in arrived} == told, "what was committed has arrived, and nothing else"
    assert len(set(arrived)) == len(told), "what arrived twice is the same message"
    with capsys.disabled():
        print(f"\n{len(told)} mails, {kills} kills, {len(arrived) - len(told)} arrived twice")
    assert len(arrived) - len(told) <= kills * AT_ONCE


def settle(server: MailServer, known: set[str]) -> None:
    """Wait until everything has arrived."""
    deadline = time.monotonic() + 120
    while {mail["Subject"] for mail in server.mails} != known:
        assert time.monotonic() < deadline, "a mail is missing"
        time.sleep(0.3)
