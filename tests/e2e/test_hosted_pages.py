"""Our pages in a real browser: up by a code, a second factor, a passkey, and a look at each by axe-core."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pyotp
import pytest

from tests.e2e.processes import Served, app_in, served

APP = '''
"""A feast for tests."""
from undercroft import App, Context, Model, Page

app = App(Model, title="Feast")


@app.page("/", public=True)
async def home(ctx: Context) -> Page:
    return Page("home.html")
'''
HOME = """<!doctype html><html lang="en"><title>Feast</title><p id="who">{{ auth.role }}</p>
<form method="post" action="/auth/ui/sign-out">{{ csrf_input() }}<button>Sign out</button></form></html>"""
AXE = Path(__file__).parent.parent / "compat/node_modules/axe-core/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
pytestmark = pytest.mark.needs("chromium", "compat")


@pytest.fixture(scope="module")
def feast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder: Path = app_in(tmp_path_factory.mktemp("feast"), APP)
    (folder / "templates" / "auth").mkdir(parents=True)
    (folder / "templates" / "home.html").write_text(HOME)
    (folder / "templates" / "auth" / "forgot.html").write_text(
        '{% extends "ours/forgot.html" %}{% block title %}Lost your key?{% endblock %}'
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://localhost:{port}"
    given = {
        "UNDERCROFT_AUTH_SITE_URL": url,
        "UNDERCROFT_AUTH_UI_ENABLED": "true",
        "UNDERCROFT_AUTH_UI_REDIRECT_TO": "/",
        "UNDERCROFT_AUTH_EMAIL_ENABLE_CONFIRMATIONS": "true",
        "UNDERCROFT_AUTH_EMAIL_MAX_FREQUENCY": "0",
        "UNDERCROFT_AUTH_MFA_WEB_AUTHN_ENROLL_ENABLED": "true",
        "UNDERCROFT_AUTH_MFA_WEB_AUTHN_VERIFY_ENABLED": "true",
        "UNDERCROFT_AUTH_RATE_LIMIT_SIGN_IN_SIGN_UPS": "0",
    }
    with served("dev", "--port", str(port), cwd=folder, url=url, **given) as process:
        yield process.answering("/auth/v1/health")


def seen(page: Any, title: str) -> None:
    """The page is the one that is meant, and nobody is shut out by it, by day or by night."""
    page.wait_for_load_state()
    assert page.title() == f"{title} – Feast", page.content()
    page.set_viewport_size({"width": 320, "height": 700})
    assert page.evaluate("document.documentElement.scrollWidth") <= 320, "nobody scrolls sideways on a phone"
    page.set_viewport_size({"width": 1000, "height": 800})
    page.evaluate(AXE.read_text())
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = page.evaluate(
            "async (rules) => (await axe.run(document, {runOnly: rules})).violations"
            ".map(each => `${each.id}: ${each.nodes.map(node => node.html).join(' ')}`)",
            RULES,
        )
        assert found == [], (title, scheme)


def mailed(feast: Served, address: str) -> str:
    """The newest mail to an address, from the page of caught ones."""
    listed = httpx2.get(f"{feast.url}/mail").text
    newest = re.search(rf'<td>{re.escape(address)}</td><td><a href="mail/(\d+)"', listed)
    assert newest is not None, listed
    return httpx2.get(f"{feast.url}/mail/{newest[1]}/html").text


def _is_bad(said: Any) -> bool:
    """Whether a browser complains of one of our pages; the app's own has no icon."""
    return said.type == "error" and "favicon" not in said.location["url"]


def press(page: Any, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def test_a_life_in_a_browser(feast: Served, page: Any) -> None:
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if _is_bad(said) else None)
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    email, password = f"ada.{'a' * 40}@example.com", "correct horse battery"
    page.goto(f"{feast.url}/auth/ui/forgot")
    seen(page, "Lost your key?")
    page.goto(f"{feast.url}/auth/ui")
    seen(page, "Sign in")
    page.get_by_role("link", name="Sign up").click()
    seen(page, "Sign up")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill("short")
    press(page, "Sign up")
    seen(page, "Error: Sign up")
    assert page.evaluate("document.activeElement.getAttribute('role')") == "alert"
    complaints.clear()  # the browser's own, of the status 422
    page.get_by_label("Password").fill(password)
    press(page, "Sign up")
    seen(page, "Look at your mail")
    code = re.search(r"(?<=>)\s*(\d{6})\s*(?=<)", mailed(feast, email))
    assert code is not None
    page.get_by_label("Code of 6 digits").fill(code[1])
    press(page, "Go on")
    page.wait_for_url(f"{feast.url}/", timeout=5_000)
    assert page.inner_text("#who") == "authenticated"
    assert page.evaluate("document.cookie") == "", "no script reads them"
    # A second factor.
    page.goto(f"{feast.url}/auth/ui/account")
    seen(page, "Your account")
    press(page, "Add an app for codes")
    seen(page, "An app for codes")
    assert page.evaluate("document.querySelector('img.qr').naturalWidth") > 50
    seed = page.locator("input[name=secret]").get_attribute("value")
    page.get_by_label("Code of 6 digits").fill(pyotp.TOTP(seed).now())
    press(page, "Go on")
    seen(page, "Your recovery codes")
    recovery = page.locator("ol.codes li").first.inner_text()
    for path, title in (("password", "A new password"), ("sign-out", "Sign out"), ("none", "There is no such page")):
        page.goto(f"{feast.url}/auth/ui/{path}")
        seen(page, title)
    complaints.clear()  # of the status 404
    page.goto(f"{feast.url}/auth/ui/account")
    # A passkey.
    press(page, "Add a passkey")
    page.get_by_role("status").filter(has_text="Your passkey is there").wait_for()
    seen(page, "Your account")
    # Out, and in with both proofs: one is not enough.
    page.goto(f"{feast.url}/")
    press(page, "Sign out")
    seen(page, "Sign in")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    press(page, "Sign in")
    seen(page, "One more step")
    page.goto(f"{feast.url}/")
    assert page.inner_text("#who") == "anon"
    page.goto(f"{feast.url}/auth/ui/mfa")
    page.get_by_text("Use a recovery code").click()
    page.get_by_label("Recovery code").fill(recovery)
    page.locator("details").get_by_role("button").click()
    page.wait_for_url(f"{feast.url}/", timeout=5_000)
    assert page.inner_text("#who") == "authenticated"
    # Out, and in by the passkey; a second proof is asked for after it, too, and the code of a moment ago was used.
    press(page, "Sign out")
    press(page, "Use a passkey")
    page.wait_for_url("**/auth/ui/mfa*")
    seen(page, "One more step")
    assert complaints == []
