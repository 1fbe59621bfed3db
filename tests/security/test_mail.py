"""Mail as an attacker sees it: data that would be code, headers that would be two, addresses that would be several."""

from __future__ import annotations

from contextlib import suppress
from email import message_from_bytes
from email.policy import SMTP
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.api.mail_house import MailHouse, mail_house
from tests.mailserver import mail_server
from undercroft import Attachment, Fault
from undercroft.mail.errors import TemplateFault
from undercroft.mail.parts.templates import Templates

pytestmark = pytest.mark.anyio

ESCAPES = [
    "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "{{ ''['__class__'] }}",
    "{{ ''|attr('__class__') }}",
    "{{ x|attr('__cl' ~ 'ass__') }}",
    "{{ self.__init__.__globals__ }}",
    "{{ self._TemplateReference__context }}",
    "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "{{ joiner.__init__.__globals__ }}",
    "{{ namespace.__init__.__globals__ }}",
    "{{ x.__class__ }}",
    "{{ x.format.__self__ }}",
    "{{ '{0.__class__.__mro__}'.format(x) }}",
    "{{ '%s'.__mod__.__self__.__class__ }}",
    "{{ ('{x.__class__}').format_map({'x': x}) }}",
    "{{ list.append(1) }}",
    "{{ data.update({'a': 1}) }}",
    "{{ data.clear() }}",
    "{% set list.x = 1 %}",
    "{{ range(10**9)|list }}",
    "{% include '/etc/passwd' %}",
    "{% include '../secret.txt' %}",
    "{% extends '../secret.txt' %}",
    "{% import 'os' as os %}",
]


@pytest.mark.parametrize("escape", ESCAPES)
def test_a_template_cannot_leave_its_sandbox(tmp_path: Path, escape: str) -> None:
    (tmp_path / "secret.txt").write_text("SECRET")
    folder = tmp_path / "mail"
    folder.mkdir()
    (folder / "a.html").write_text("{% block subject %}s{% endblock %}[" + escape + "]")
    given: dict[str, Any] = {"x": "text", "list": [1], "data": {"k": "v"}}
    with suppress(TemplateFault):  # some are harmless: what is not defined, and printed as nothing
        found = Templates(folder).render("a", given)
        assert found.text.strip() in ("[]", "[None]"), found.text
    assert given == {"x": "text", "list": [1], "data": {"k": "v"}}


@pytest.mark.parametrize(
    "escape", [*ESCAPES, "{% raw %}", "{#", "<script>alert(1)</script>", "' onload='x", "\x00subject\x00"]
)
def test_data_is_never_code(tmp_path: Path, escape: str) -> None:
    (tmp_path / "a.html").write_text("{% block subject %}About {{ x }}{% endblock %}<p title='{{ x }}'>{{ x }}</p>")
    templates = Templates(tmp_path)
    if "\x00" in escape:
        with pytest.raises(Fault, match="control characters"):
            templates.render("a", {"x": escape})
        return
    found = templates.render("a", {"x": escape})
    assert found.subject == f"About {escape}"
    assert found.text == f"{' '.join(escape.split())}\n"
    tags = Tags()
    tags.feed(found.html)
    assert tags.found == [("html", []), ("head", []), ("body", []), ("p", ["title"])]


class Tags(HTMLParser):
    """The elements of a document, each with the names of its attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, list[str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, [name for name, _ in attrs]))


BREAKS = [
    "\r\n",
    "\n",
    "\r",
    "\r\n ",
    "\x00",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\u2028",
    "\u2029",
    "=0D=0A",
    "%0d%0a",
    "=?utf-8?q?=0D=0A?=",
]
INJECTED = "X-Injected: yes"


@pytest.mark.parametrize("field", ["to", "name", "subject", "data", "reply_to", "unsubscribe", "file", "type", "key"])
async def test_no_field_brings_a_header_of_its_own(tmp_path: Path, field: str) -> None:
    refused = 0
    async with mail_server() as server:
        url = f"smtp+plain://127.0.0.1:{server.port}"
        async with mail_house(tmp_path, None, backend="smtp", servers=url, recipient_limit=0) as house:
            for line in BREAKS:
                server.taken.clear()
                to, given = poisoned(field, line)
                code = await refusal(house, to, given)
                await house.settled()
                if code is None:
                    (content,) = server.taken
                    assert_no_header(content, body_too=field != "data")
                else:
                    assert (code, server.taken) == ("22023", []), line
                    refused += 1
    assert all(recipients == ["ada@example.com"] for _, recipients in server.envelopes)
    assert refused


def poisoned(field: str, line: str) -> tuple[str, dict[str, Any]]:
    """A recipient and wishes, one of which would like to be a header."""
    poison = f"x{line}{INJECTED}{line}Bcc: eve@example.com{line}{line}body"
    given: dict[str, Any] = {"name": "Ada"}
    to = "ada@example.com"
    match field:
        case "to":
            to = f"ada@example.com{line}{INJECTED}"
        case "name":
            to = f'"{poison}" <ada@example.com>'
        case "data":
            given["name"] = poison
        case "subject" | "key":
            given[field] = poison
        case "reply_to":
            given[field] = f"{poison} <help@example.com>"
        case "unsubscribe":
            given[field] = f"https://example.com/{poison}"
        case "file":
            given["attachments"] = [Attachment(poison, "text/plain", b"x")]
        case "type":
            given["attachments"] = [Attachment("a.txt", f"text/plain{line}{INJECTED}", b"x")]
    return to, given


def assert_no_header(content: bytes, *, body_too: bool) -> None:
    """No header of a message, and of its parts, is anybody's but ours."""
    head = content.partition(b"\r\n\r\n")[0]
    names = [part.partition(b":")[0].lower() for part in head.split(b"\r\n") if part[:1] not in (b" ", b"\t")]
    assert b"x-injected" not in names
    assert b"bcc" not in names
    assert len(names) == len(set(names))
    if body_too:  # what is data may have lines of its own in the body
        assert not any(each.lower().startswith(b"x-injected") for each in content.split(b"\r\n"))
    read = message_from_bytes(content, policy=SMTP)
    assert read["X-Injected"] is None
    assert read["Bcc"] is None


@pytest.mark.parametrize("end", ["\r\n.\r\n", "\n.\n", "\r.\r", "\n.\r\n", "\r\n.\n"])
async def test_a_mail_does_not_hold_another_one(tmp_path: Path, end: str) -> None:
    """What one server takes for the end of a mail must be the end for every other (SMTP smuggling)."""
    hidden = f"x{end}MAIL FROM:<eve@example.com>{end[:2]}RCPT TO:<bob@example.com>{end}DATA{end}Subject: y{end}"
    file = Attachment("a.txt", "text/plain", hidden.encode())
    async with mail_server() as server:
        url = f"smtp+plain://127.0.0.1:{server.port}"
        async with mail_house(tmp_path, None, backend="smtp", servers=url) as house:
            (tmp_path / "templates" / "welcome.txt").write_text("{{ name }}", encoding="utf-8")
            await house.mail(name=hidden, subject="s", attachments=[file])
            await house.settled()
    ((sender, recipients),) = server.envelopes
    assert (sender, recipients) == ("feast@example.com", ["ada@example.com"])
    (content,) = server.taken
    assert b"\r" not in content.replace(b"\r\n", b"")
    assert b"\n" not in content.replace(b"\r\n", b"")
    assert content.count(b"Message-ID:") == 1


async def refusal(house: MailHouse, to: str, given: dict[str, Any]) -> str | None:
    """The code with which a mail was refused, or None."""
    try:
        await house.mail(to, **given)
    except Fault as fault:
        return fault.code
    return None


async def test_a_mail_is_not_part_of_the_data_api(tmp_path: Path) -> None:
    async with mail_house(tmp_path, None) as house:
        await house.mail()
        for name in ("mails", "undercroft.mails", "mail_suppressions", "undercroft"):
            answer = await house.page(f"/rest/v1/{name}?select=*")
            assert answer.status_code in (401, 404)
            assert "ada@example.com" not in answer.text


async def test_what_was_sent_leaves_no_words_behind(tmp_path: Path) -> None:
    """A token in a mail is not to be found in the database afterwards."""
    async with mail_house(tmp_path, None) as house:
        await house.mail(name="token-7f3a")
        await house.settled()
        rows = await house.rows("mails", "html, text, attachments, answer")
        jobs = await house.rows("jobs", "arguments")
        assert "token-7f3a" not in repr(rows) + repr(jobs)
