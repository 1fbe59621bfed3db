"""The example of a newsletter, as a real process with two real mail servers: readers, campaigns, one that fails."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests import postgres
from tests.e2e.processes import ROOT, Served, served, undercroft
from tests.e2e.test_contact_form import arrives, free_tcp_port, listening
from tests.mailserver import MailServer

EXAMPLE = ROOT / "examples" / "email_sender"
READERS = 130
"""More than one job writes to."""


@dataclass
class Newsletter:
    """The process, its two mail servers, and who asks."""

    process: Served
    first: MailServer
    second: MailServer
    editor: httpx2.Client
    anybody: httpx2.Client

    def insert(self, table: str, rows: Any) -> list[dict[str, Any]]:
        answer = self.editor.post(f"/rest/v1/{table}", json=rows, headers={"prefer": "return=representation"})
        assert answer.status_code == 201, answer.text
        found: list[dict[str, Any]] = answer.json()
        return found

    def send(self, list_id: int, subject: str, *, number: int | None = None) -> int:
        """Send a campaign; its number."""
        if number is None:
            ((made),) = self.insert(
                "mailing_campaigns", {"list_id": list_id, "subject": subject, "text": "One.\n\nTwo."}
            )
            number = int(made["id"])
        answer = self.editor.post(f"/functions/v1/send?campaign={number}")
        assert answer.status_code == 204, answer.text
        return number

    def got(self, subject: str) -> list[str]:
        """Who got a mail with this subject, as often as they did."""
        mails = [mail for server in (self.first, self.second) for mail in server.mails]
        return sorted(mail["To"].addresses[0].addr_spec for mail in mails if mail["Subject"] == subject)


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.needs("postgres"))])
def newsletter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Newsletter]:
    folder = tmp_path_factory.mktemp("newsletter") / "app"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".undercroft"))
    with ExitStack() as stack:
        first, second = stack.enter_context(listening()), stack.enter_context(listening())
        urls = ",".join(f"smtp+plain://127.0.0.1:{server.port}" for server in (first, second))
        given = {"UNDERCROFT_MAIL_BACKEND": "smtp", "UNDERCROFT_MAIL_SERVERS": urls}
        if request.param == "postgres":
            server = request.getfixturevalue("postgres_server")
            given["UNDERCROFT_DATABASE_URL"] = stack.enter_context(postgres.database(server))
        port = free_tcp_port()
        url = f"http://127.0.0.1:{port}"
        process = stack.enter_context(
            served("dev", "app.py", "--port", str(port), cwd=folder, url=url, **given)
        ).ready()
        key = re.search(r'"service_role": "([^"]+)"', undercroft("keys", "--json", cwd=folder).stdout)
        assert key is not None
        editor = httpx2.Client(base_url=url, headers={"authorization": f"Bearer {key[1]}"}, timeout=30)
        anybody = httpx2.Client(base_url=url, timeout=30)
        stack.enter_context(editor)
        stack.enter_context(anybody)
        yield Newsletter(process, first, second, editor, anybody)


def readers(newsletter: Newsletter, name: str, count: int) -> tuple[int, list[str]]:
    """A list with confirmed readers."""
    (made,) = newsletter.insert("mailing_lists", {"name": name})
    addresses = sorted(f"{name}{number}@example.com" for number in range(count))
    rows = [
        {"list_id": made["id"], "address": address, "name": address[:-12], "token": f"t-{address}", "confirmed": True}
        for address in addresses
    ]
    newsletter.insert("mailing_readers", rows)
    return made["id"], addresses


def test_it_is_as_short_as_it_says() -> None:
    assert len((EXAMPLE / "app.py").read_text(encoding="utf-8").splitlines()) < 100


def test_somebody_joins_confirms_reads_and_leaves(newsletter: Newsletter) -> None:
    (made,) = newsletter.insert("mailing_lists", {"name": "birds"})
    joining = f"/functions/v1/join?list_id={made['id']}&address=ada%40example.com&name=Ada"
    answers = [newsletter.anybody.post(joining) for _ in range(3)]
    assert {(answer.status_code, answer.text) for answer in answers} == {(204, "")}
    asked = "Would you like to read us, Ada?"
    arrives(lambda: newsletter.got(asked))
    assert newsletter.anybody.post(joining.replace("=ada", "=ADA")).status_code == 204, "the same mailbox"
    (mail,) = [mail for mail in newsletter.first.mails if mail["Subject"] == asked]
    text = mail.get_body(("plain",))
    assert text is not None
    token = re.search(r"confirm#([\w-]+)", text.get_content())
    assert token is not None
    newsletter.send(made["id"], "Birds, too early")
    newsletter.process.until(lambda: idle(newsletter), "the campaign is over")
    assert newsletter.anybody.post(f"/functions/v1/confirm?token={token[1]}").status_code == 204
    newsletter.send(made["id"], "Birds of May")
    arrives(lambda: newsletter.got("Birds of May"))
    (letter,) = [mail for mail in newsletter.first.mails if mail["Subject"] == "Birds of May"]
    assert letter["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    path = letter["List-Unsubscribe"].strip("<>").removeprefix("https://news.example.com")
    assert newsletter.anybody.get(path).status_code == 405, "who only looks does not leave"
    one_click = newsletter.anybody.post(path, data={"List-Unsubscribe": "One-Click"})
    assert one_click.status_code == 204, one_click.text
    assert newsletter.anybody.post(path).status_code == 404
    newsletter.send(made["id"], "Birds of June")
    newsletter.process.until(lambda: idle(newsletter), "the campaign is over")
    assert newsletter.got("Birds of June") == []
    assert newsletter.got("Birds, too early") == []
    assert newsletter.got(asked) == ["ada@example.com"]


def test_a_campaign_that_is_not_there_is_not_sent(newsletter: Newsletter) -> None:
    answer = newsletter.editor.post("/functions/v1/send?campaign=999999")
    assert (answer.status_code, answer.json()["message"]) == (404, "no such campaign")


def test_who_comes_after_what_was_deleted_is_written_to(newsletter: Newsletter) -> None:
    """On SQLite, the id of the last row is given again when that row is gone."""
    (made,) = newsletter.insert("mailing_lists", {"name": "moss"})
    for name in ("Eve", "Max"):
        joined = newsletter.anybody.post(
            f"/functions/v1/join?list_id={made['id']}&address={name}%40example.com&name={name}"
        )
        assert joined.status_code == 204, joined.text
        arrives(lambda name=name: newsletter.got(f"Would you like to read us, {name}?"))  # type: ignore[misc]
        row = f"/rest/v1/mailing_readers?address=eq.{name.lower()}%40example.com"
        if name == "Eve":
            assert newsletter.editor.delete(row).status_code == 204
        else:
            assert newsletter.editor.patch(row, json={"confirmed": True}).status_code == 204
    first = newsletter.send(made["id"], "Moss of May")
    arrives(lambda: newsletter.got("Moss of May"))
    assert newsletter.editor.delete(f"/rest/v1/mailing_campaigns?id=eq.{first}").status_code == 204
    newsletter.send(made["id"], "Moss of June")
    arrives(lambda: newsletter.got("Moss of June"))


def test_a_campaign_reaches_each_reader_once_though_a_provider_fails(newsletter: Newsletter) -> None:
    first, second = newsletter.first, newsletter.second
    list_id, addresses = readers(newsletter, "fish", READERS)
    before = len(first.ids)

    def answer(command: str, _: str) -> str | None:
        return "421 4.3.2 going down" if len(first.ids) - before >= READERS // 2 else None

    first.answer = answer
    number = newsletter.send(list_id, "Fish of May")
    newsletter.send(list_id, "Fish of May", number=number)  # somebody pressed the button twice
    arrives(lambda: len(newsletter.got("Fish of May")) >= READERS, 60)
    newsletter.process.until(lambda: idle(newsletter), "the campaign is over")
    first.answer = lambda *_: None
    assert newsletter.got("Fish of May") == addresses
    assert second.ids, "the second went on"


def test_an_address_that_does_not_exist_is_not_written_to_again(newsletter: Newsletter) -> None:
    list_id, addresses = readers(newsletter, "bees", 3)
    gone = addresses[1]
    asked: list[str] = []

    def answer(command: str, address: str) -> str | None:
        if command == "RCPT":
            asked.append(address)
        return "550 5.1.1 no such user" if command == "RCPT" and address == gone else None

    newsletter.first.answer = newsletter.second.answer = answer
    for subject in ("Bees of May", "Bees of June"):
        newsletter.send(list_id, subject)
        arrives(lambda subject=subject: len(newsletter.got(subject)) == 2)  # type: ignore[misc]
        newsletter.process.until(lambda: idle(newsletter), "the campaign is over")
    assert asked.count(gone) == 1
    assert newsletter.got("Bees of June") == [addresses[0], addresses[2]]


@pytest.mark.parametrize("path", ["/rest/v1/mailing_readers", "/rest/v1/mailing_campaigns", "/rest/v1/mails"])
def test_nobody_reads_who_reads(newsletter: Newsletter, path: str) -> None:
    assert newsletter.anybody.get(path).status_code == 404
    assert newsletter.anybody.post("/functions/v1/send?campaign=1").status_code in (401, 403, 404)


def idle(newsletter: Newsletter) -> bool:
    """Nothing was sent for a while."""
    seen = len(newsletter.first.ids) + len(newsletter.second.ids)
    time.sleep(0.5)
    return seen == len(newsletter.first.ids) + len(newsletter.second.ids)
