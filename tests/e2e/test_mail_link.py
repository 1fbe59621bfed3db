"""The link of a mail in a real browser: a page with a button, and then the app on another origin, signed in."""

from __future__ import annotations

import html
import re
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.processes import Served, app_in, served

APP = '''
"""A feast for tests."""
from undercroft import App, Model

app = App(Model, title="Feast")
'''
pytestmark = pytest.mark.needs("chromium")


class Site(BaseHTTPRequestHandler):
    """The app that people come back to, which sends them on once more, as apps do."""

    def do_GET(self) -> None:
        if self.path.startswith("/callback"):
            self.send_response(302)
            self.send_header("location", "/welcome")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>Welcome</title>")

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def feast(site: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = app_in(tmp_path_factory.mktemp("feast"), APP)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://localhost:{port}"
    given = {"UNDERCROFT_AUTH_SITE_URL": site, "UNDERCROFT_AUTH_EMAIL_MAX_FREQUENCY": "0"}
    with served("dev", "--port", str(port), cwd=folder, url=url, **given) as process:
        yield process.answering("/auth/v1/health")


def link_of(feast: Served, address: str, redirect_to: str) -> str:
    """Ask for a link, and find it on the page of caught mails."""
    ask = {"email": address}
    answer = httpx2.post(f"{feast.url}/auth/v1/otp?redirect_to={redirect_to}", json=ask)
    assert answer.text == "{}", answer.text
    listed = httpx2.get(f"{feast.url}/mail").text
    newest = re.search(rf'<td>{re.escape(address)}</td><td><a href="mail/(\d+)"', listed)
    assert newest is not None, listed
    mail = httpx2.get(f"{feast.url}/mail/{newest[1]}/html").text
    found = re.search(r'href="([^"]+/verify\?[^"]+)"', mail)
    assert found is not None, mail
    return html.unescape(found[1])


@pytest.mark.parametrize("path", ["/welcome", "/callback"])
def test_a_link_in_a_browser(feast: Served, site: str, page: Any, path: str) -> None:
    link = link_of(feast, f"ada{path[1]}@example.com", f"{site}{path}")
    assert link.startswith(f"{feast.url}/auth/v1/verify?")
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.goto(link)
    assert page.title() == "Sign in"
    assert not page.context.cookies()
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site}/welcome*", timeout=10_000)
    assert page.title() == "Welcome"
    assert "access_token=" in page.url
    assert page.evaluate("document.referrer") == ""
    page.goto(link)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{site}/welcome*", timeout=10_000)
    assert "error_code=otp_expired" in page.url
    assert not [said for said in complaints if "favicon" not in said]
