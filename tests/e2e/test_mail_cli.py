"""`undercroft mail …` as one types it, beside an app and a real mail server."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.mailserver import mail_server

pytestmark = pytest.mark.anyio
APP = """
from sqlalchemy.orm import Mapped, mapped_column

from undercroft import App, Model

app = App(title="Feast")


class Guest(Model):
    __tablename__ = "guests"
    id: Mapped[int] = mapped_column(primary_key=True)
"""


class Ran(NamedTuple):
    status: int
    out: str
    err: str


Run = Callable[..., Awaitable[Ran]]


@pytest.fixture
async def run(tmp_path: Path) -> Run:
    (tmp_path / "app.py").write_text(APP)

    async def ran(*arguments: str, **environ: str) -> Ran:
        inherited = {name: os.environ[name] for name in ("PATH", "HOME", "PYTHONPATH") if name in os.environ}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "undercroft", *arguments),
            cwd=tmp_path,
            env=inherited | environ,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        return Ran(process.returncode or 0, out.decode(), err.decode())

    for step in (("migrate", "make", "guests"), ("migrate", "up")):
        made = await ran(*step)
        assert made.status == 0, made.err
    return ran


async def test_a_mail_to_try_it_out(run: Run) -> None:
    async with mail_server() as server:
        given = {
            "UNDERCROFT_MAIL_SERVERS": f"smtp+plain://127.0.0.1:{server.port}",
            "UNDERCROFT_MAIL_SENDER": "Feast <feast@example.com>",
        }
        sent = await run("mail", "test", "ada@example.com", **given)
        assert (sent.status, sent.out) == (0, f"127.0.0.1:{server.port} took it: 250 taken\n"), sent.err
        (mail,) = server.mails
        assert (mail["To"], mail["From"]) == ("ada@example.com", "Feast <feast@example.com>")
        server.answer = lambda command, _: "550 5.1.1 nobody here" if command == "RCPT" else None
        refused = await run("mail", "test", "ada@example.com", **given)
        assert refused.status == 2
        assert "nobody here" in refused.err
        wrong = await run("mail", "test", "nobody", **given)
        assert wrong.status == 2
        assert "is no mail address" in wrong.err
    unset = await run("mail", "test", "ada@example.com")
    assert (unset.status, "no mail server is set" in unset.err) == (2, True)


async def test_who_is_not_written_to(run: Run) -> None:
    assert (await run("mail", "suppress", "Ada <ADA@example.com>", "--reason", "complaint")).status == 0
    listed = await run("mail", "suppressions", "--json")
    ((address, reason),) = [(each["address"], each["reason"]) for each in json.loads(listed.out)]
    assert (address, reason) == ("ada@example.com", "complaint")
    assert "complaint" in (await run("mail", "suppressions")).out
    assert "written to again" in (await run("mail", "unsuppress", "ada@example.com")).out
    assert json.loads((await run("mail", "suppressions", "--json")).out) == []


async def test_what_became_of_mails(run: Run) -> None:
    listed = await run("mail", "list")
    assert listed.status == 0, listed.err
    assert listed.out.split()[:2] == ["MAIL", "STATE"]
    assert json.loads((await run("mail", "list", "--json")).out) == []


async def test_a_database_that_is_named_is_that_of_the_app(run: Run, tmp_path: Path) -> None:
    named = ("--database", f"sqlite:///{tmp_path}/named.db")
    assert (await run("migrate", "up", "--app", "app.py", *named)).status == 0
    told = await run("mail", "suppress", "ada@example.com", *named)
    assert (told.status, told.out) == (0, "nothing is sent to ada@example.com any more\n"), told.err
    assert "ada@example.com" in (await run("mail", "suppressions", *named)).out
    assert "ada@example.com" not in (await run("mail", "suppressions")).out
