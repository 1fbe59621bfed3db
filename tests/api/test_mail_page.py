"""The page of caught mails: there while developing, for this machine only, and harmless whatever a mail holds."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

import pytest

from tests.api.mail_house import mail_house
from undercroft import Attachment

pytestmark = pytest.mark.anyio
EVIL = "<script>alert(1)</script>"


async def test_what_an_app_sends_while_it_is_developed_is_shown(tmp_path: Path, server: str | None) -> None:
    async with mail_house(tmp_path, server, dev=True, backend="auto") as house:
        assert "No mails yet" in (await house.page("/mail")).text
        file = Attachment(f"{EVIL[:8]}ä.html", "text/html", EVIL.encode())
        mail = await house.mail('"<b>" <ada@example.com>', name=EVIL, attachments=[file])
        await house.settled()
        shown = await house.page("/mail")
        assert (shown.status_code, shown.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert "&lt;script&gt;" in shown.text
        (listed,) = await house.mailer.latest(9)
        assert not {"html", "text", "attachments"} & listed.keys(), "a list reads no words of its mails"
        one = await house.page(f"/mail/{mail}")
        for page in (shown.text, one.text):
            assert "<script" not in page
            assert "<b>" not in page
        assert "script-src" not in one.headers["content-security-policy"]
        assert "default-src 'none'" in one.headers["content-security-policy"]
        assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in one.text
        html = await house.page(f"/mail/{mail}/html")
        assert "<p>Hello &lt;script&gt;" in html.text
        assert html.headers["content-security-policy"].startswith("sandbox ")
        assert "allow-scripts" not in html.headers["content-security-policy"]
        source = await house.page(f"/mail/{mail}/source")
        assert source.headers["content-type"].startswith("text/plain")
        assert "Subject: Welcome, <script>" in source.text
        download = await house.page(f"/mail/{mail}/attachments/0")
        assert download.content == EVIL.encode()
        assert download.headers["content-type"] == "application/octet-stream"
        assert download.headers["content-disposition"] == f"attachment; filename*=UTF-8''{quote(file.name)}"
        for answer in (shown, one, html, source, download):
            assert answer.headers["x-content-type-options"] == "nosniff"
            assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/mail/99", "/mail/99/html", "/mail/1/attachments/7", f"/mail/{2**70}", "/mail/x"])
async def test_what_is_not_there_is_not_found(tmp_path: Path, server: str | None, path: str) -> None:
    async with mail_house(tmp_path, server, dev=True, backend="auto") as house:
        await house.mail()
        assert (await house.page(path)).status_code == 404


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("evil.example", "127.0.0.1"),
        ("localhost.evil.example", "127.0.0.1"),
        ("localhost@evil.example", "127.0.0.1"),
        ("", "127.0.0.1"),
        ("[", "127.0.0.1"),
        ("localhost", "10.0.0.1"),
        ("localhost", "::ffff:10.0.0.1"),
        ("localhost", "nobody"),
        ("192.168.1.5:8000", "192.168.1.5"),
    ],
)
async def test_only_this_machine_may_look(tmp_path: Path, host: str, client: str) -> None:
    async with mail_house(tmp_path, None, dev=True, backend="auto") as house:
        await house.mail()
        for path in ("/mail", "/mail/1", "/mail/1/html", "/mail/1/source", "/mail/1/attachments/0"):
            assert (await house.page(path, host, client)).status_code == 404


@pytest.mark.parametrize(
    ("host", "client"), [("127.0.0.1:8000", "127.0.0.1"), ("[::1]:8000", "::1"), ("a.localhost", "::ffff:127.0.0.1")]
)
async def test_this_machine_has_several_names(tmp_path: Path, host: str, client: str) -> None:
    async with mail_house(tmp_path, None, dev=True, backend="auto") as house:
        assert (await house.page("/mail", host, client)).status_code == 200


@pytest.mark.parametrize(("dev", "backend"), [(False, "caught"), (True, "memory"), (False, "memory")])
async def test_elsewhere_there_is_no_such_page(tmp_path: Path, dev: bool, backend: str) -> None:
    async with mail_house(tmp_path, None, dev=dev, backend=backend) as house:
        await house.mail()
        for path in ("/mail", "/mail/1", "/mail/1/html"):
            assert (await house.page(path)).status_code == 404
