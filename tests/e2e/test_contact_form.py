"""The example of a contact form, as a real process with a real mail server: what it takes, and what leaves."""

from __future__ import annotations

import asyncio
import re
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests import postgres
from tests.e2e.processes import ROOT, Served, served
from tests.mailserver import MailServer

EXAMPLE = ROOT / "examples" / "contact_form"
ADA = {"name": "Ada Lovelace", "email": "ada@example.com", "text": "Hello,\nI like your engine. ½ ✓"}


@contextmanager
def listening() -> Iterator[MailServer]:
    """On a loop and a thread of its own: the test itself waits for processes."""
    server, loop = MailServer(), asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture(scope="module")
def mail_server() -> Iterator[MailServer]:
    with listening() as server:
        yield server


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    there = tmp_path_factory.mktemp("contact") / "form"
    return Path(shutil.copytree(EXAMPLE, there, ignore=shutil.ignore_patterns("__pycache__", ".undercroft")))


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def process(request: pytest.FixtureRequest, folder: Path, mail_server: MailServer) -> Iterator[Served]:
    with ExitStack() as stack:
        given = {
            "UNDERCROFT_MAIL_SENDER": "Form <form@example.com>",
            "UNDERCROFT_MAIL_BACKEND": "smtp",
            "UNDERCROFT_MAIL_SERVERS": f"smtp+plain://127.0.0.1:{mail_server.port}",
        }
        if request.param == "postgres":
            server = request.getfixturevalue("postgres_server")
            given["UNDERCROFT_DATABASE_URL"] = stack.enter_context(postgres.database(server))
        port = free_tcp_port()
        url = f"http://127.0.0.1:{port}"
        words = ("dev", "app.py", "--port", str(port))
        yield stack.enter_context(served(*words, cwd=folder, url=url, **given)).ready()


@pytest.fixture
def mails(mail_server: MailServer) -> MailServer:
    """The mail server, with what came before put away."""
    mail_server.taken.clear()
    return mail_server


def free_tcp_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def arrives(true: Callable[[], Any], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, "it did not arrive"
        time.sleep(0.02)


def token_of(page: str) -> str:
    found = re.search(r'name="_csrf" value="([^"]+)"', page)
    assert found, page
    return found[1]


def test_it_is_as_short_as_it_says() -> None:
    assert len((EXAMPLE / "app.py").read_text(encoding="utf-8").splitlines()) < 100


def test_who_writes_is_thanked_and_the_owner_has_mail(process: Served, mails: MailServer) -> None:
    with httpx2.Client(base_url=process.url, headers={"origin": process.url}) as browser:
        page = browser.get("/contact")
        form = ADA | {"website": "", "_csrf": token_of(page.text)}
        sent = browser.post("/contact", data=form)
        assert (sent.status_code, sent.headers["location"]) == (303, "/thanks")
        assert "Thank you" in browser.get("/thanks").text
    arrives(lambda: mails.taken)
    (mail,) = mails.mails
    assert (mail["From"], mail["To"], mail["Reply-To"]) == (
        "Form <form@example.com>", "owner@example.com", "ada@example.com",
    )  # fmt: skip
    assert mail["Subject"] == "Ada Lovelace has written to you"
    for kind, written in (("plain", "Hello,\nI like your engine. ½ ✓"), ("html", "Hello,<br>I like your engine. ½ ✓")):
        body = mail.get_body((kind,))
        assert body is not None
        assert written in body.get_content().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"email": "nobody"}, "This is no e-mail address"),
        ({"email": "a,b@example.com"}, "This is no e-mail address"),
        ({"text": " \n "}, "at least 1 character"),
    ],
)
def test_a_form_that_is_not_filled_in_is_shown_again(
    process: Served, mails: MailServer, wrong: dict[str, str], told: str
) -> None:
    with httpx2.Client(base_url=process.url, headers={"origin": process.url}) as browser:
        token = token_of(browser.get("/contact").text)
        again = browser.post("/contact", data=ADA | {"name": "<b>Ada", "_csrf": token} | wrong)
    assert again.status_code == 422
    assert told in again.text
    assert 'value="&lt;b&gt;Ada"' in again.text
    assert ("I like your engine" in again.text) == ("text" not in wrong)
    assert mails.taken == []


def test_a_form_of_another_site_is_refused(process: Served) -> None:
    with httpx2.Client(base_url=process.url, headers={"origin": "http://evil.example"}) as browser:
        token = token_of(browser.get("/contact").text)
        assert browser.post("/contact", data=ADA | {"_csrf": token}).status_code == 403


def test_anybody_may_insert_and_nobody_may_read(process: Served, mails: MailServer) -> None:
    with httpx2.Client(base_url=f"{process.url}/rest/v1", headers={"prefer": "return=representation"}) as anybody:
        told = anybody.post("/contact_messages", json=ADA, headers={"prefer": "return=minimal"})
        assert (told.status_code, told.text) == (201, "")
        assert anybody.get("/contact_messages").json() == []
        assert "Ada" not in anybody.post("/contact_messages", json=ADA).text
        assert "Ada" not in anybody.patch("/contact_messages?id=eq.1", json={"text": "x"}).text
        assert "Ada" not in anybody.delete("/contact_messages?id=eq.1").text
        forged = anybody.post("/contact_messages", json=ADA | {"spam": True})
        assert (forged.status_code, forged.json()["code"]) == (401, "42501")
    arrives(lambda: mails.taken)


def test_a_program_falls_into_the_trap_and_nobody_is_disturbed(process: Served, mails: MailServer) -> None:
    with httpx2.Client(base_url=f"{process.url}/rest/v1") as anybody:
        links = "http://a http://b https://c"
        for spam in (ADA | {"website": "http://buy.example"}, ADA | {"text": links}):
            assert anybody.post("/contact_messages", json=spam).status_code == 201
        assert anybody.post("/contact_messages", json=ADA | {"name": "a person"}).status_code == 201
    arrives(lambda: mails.taken)
    time.sleep(0.3)
    assert [mail["Subject"] for mail in mails.mails] == ["a person has written to you"]


@pytest.mark.parametrize("wrong", [{"email": "a@b\r\nBcc: all@example.com"}, {"text": ""}, {"text": "x" * 5001}])
def test_what_cannot_be_sent_is_not_stored_either(process: Served, mails: MailServer, wrong: dict[str, str]) -> None:
    with httpx2.Client(base_url=f"{process.url}/rest/v1") as anybody:
        answer = anybody.post("/contact_messages", json=ADA | wrong)
    assert answer.status_code == 400, answer.text
    time.sleep(0.2)
    assert mails.taken == []
