"""`undercroft dev` catches mails: a real process, asked as a browser on this machine asks, and another."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from tests.e2e.processes import ROOT, Served, served
from tests.e2e.test_contact_form import arrives, free_tcp_port

EXAMPLE = ROOT / "examples" / "contact_form"
MESSAGE = {"name": "Ada", "email": "ada@example.com", "text": "<b>Hello</b>"}


@pytest.fixture(params=["granian", "uvicorn"])
def process(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Served]:
    folder = Path(shutil.copytree(EXAMPLE, tmp_path / "app", ignore=shutil.ignore_patterns(".undercroft")))
    port = free_tcp_port()
    words = ("dev", "app.py", "--port", str(port), "--server", request.param)
    with served(*words, cwd=folder, url=f"http://127.0.0.1:{port}") as made:
        yield made.ready()


def test_what_the_app_sends_is_shown_and_goes_nowhere(process: Served) -> None:
    with httpx2.Client(base_url=process.url, timeout=30) as browser:
        told = browser.post("/rest/v1/contact_messages", json=MESSAGE)
        assert told.status_code == 201, told.text
        arrives(lambda: "sent" in browser.get("/mail").text)
        page = browser.get("/mail/1")
        assert "owner@example.com" in page.text
        assert "<b>Hello" not in page.text
        assert "<b>Hello" not in browser.get("/mail/1/html").text
        assert "To: owner@example.com" in browser.get("/mail/1/source").text
        assert browser.get("/mail", headers={"host": "evil.example"}).status_code == 404
    assert f"{process.url}/mail" in process.text
