"""A passkey in a real browser with a virtual authenticator, and another key for encrypted values under a server."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.e2e.processes import Served, app_in, served, undercroft

CLUB = '''
"""A club for tests."""
from sqlalchemy import select
from sqlalchemy.orm import Mapped, mapped_column

from undercroft import App, Context, Encrypted, Model

app = App(title="Club")


class Member(Model):
    __tablename__ = "members"
    id: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str] = mapped_column(Encrypted(str, index=True))


@app.policy(Member, "select", "insert")
def everybody(member):
    return True


@app.function()
async def add(ctx: Context, note: str) -> int:
    member = Member(note=note)
    ctx.session.add(member)
    await ctx.session.flush()
    return member.id


@app.function(methods=("GET",))
async def find(ctx: Context, note: str) -> list[str]:
    found = await ctx.session.scalars(select(Member).where(Member.note == note))
    return [member.note for member in found]
'''
CALL = """async ([path, body, token]) => {
  const headers = {'content-type': 'application/json', ...(token ? {authorization: `Bearer ${token}`} : {})}
  const answer = await fetch('/auth/v1' + path, {method: 'POST', headers, body: JSON.stringify(body)})
  return [answer.status, await answer.json()]
}"""
CREATE = """async (options) => {
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options)
  return (await navigator.credentials.create({publicKey})).toJSON()
}"""
GET = """async (options) => {
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options)
  return (await navigator.credentials.get({publicKey})).toJSON()
}"""


@pytest.fixture(scope="module")
def club(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Path]]:
    folder = app_in(tmp_path_factory.mktemp("club"), CLUB)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://localhost:{port}"
    settings = {
        "UNDERCROFT_AUTH_SITE_URL": url,
        "UNDERCROFT_AUTH_MFA_WEB_AUTHN_ENROLL_ENABLED": "true",
        "UNDERCROFT_AUTH_MFA_WEB_AUTHN_VERIFY_ENABLED": "true",
        "UNDERCROFT_MAIL_BACKEND": "memory",
    }
    with served("dev", "--port", str(port), cwd=folder, url=url, **settings) as process:
        yield process.answering("/auth/v1/health"), folder


@pytest.fixture
def page(page: Any, club: tuple[Served, Path]) -> Any:
    """A page of the club, in a browser with an authenticator."""
    page.goto(f"{club[0].url}/docs")
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
        "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    return page


def called(page: Any, path: str, body: Any, token: str | None = None) -> Any:
    status, told = page.evaluate(CALL, [path, body, token])
    assert status == 200, told
    return told


@pytest.mark.needs("chromium")
def test_a_passkey_of_a_browser(page: Any) -> None:
    session = called(page, "/signup", {"email": "ada@example.com", "password": "correct horse battery"})
    asked = called(page, "/passkeys/registration/options", {}, session["access_token"])
    body = {"challenge_id": asked["challenge_id"], "credential": page.evaluate(CREATE, asked["options"])}
    called(page, "/passkeys/registration/verify", body, session["access_token"])
    for _ in range(2):
        asked = called(page, "/passkeys/authentication/options", {})
        body = {"challenge_id": asked["challenge_id"], "credential": page.evaluate(GET, asked["options"])}
        told = called(page, "/passkeys/authentication/verify", body)
        assert told["user"]["email"] == "ada@example.com"


@pytest.mark.needs("chromium")
def test_a_security_key_of_a_browser(page: Any) -> None:
    session = called(page, "/signup", {"email": "grace@example.com", "password": "correct horse battery"})
    token = session["access_token"]
    factor = called(page, "/factors", {"factor_type": "webauthn", "friendly_name": "key"}, token)["id"]
    for kind, script in (("create", CREATE), ("request", GET)):
        asked = called(page, f"/factors/{factor}/challenge", {"webauthn": {"rpId": "localhost"}}, token)
        assert asked["webauthn"]["type"] == kind
        made = page.evaluate(script, asked["webauthn"]["credential_options"]["publicKey"])
        body = {"challenge_id": asked["id"], "webauthn": {"type": kind, "credential_response": made}}
        told = called(page, f"/factors/{factor}/verify", body, token)
        assert [each["status"] for each in told["user"]["factors"]] == ["verified"]
        token = told["access_token"]


def test_another_key_while_a_server_runs(club: tuple[Served, Path]) -> None:
    process, folder = club
    for number in range(5):
        assert httpx2.post(f"{process.url}/functions/v1/add?note=n{number}").status_code == 200
    data = next(path for path in folder.rglob("sealing.key")).parent
    before = (data / "sealing.key").read_text().split()
    told = json.loads(undercroft("keys", "reseal", "--data", str(data), "--json", cwd=folder).stdout)
    assert {"column": "members.note", "seen": 5, "changed": 5, "shut": 0} in told
    assert (data / "sealing.key").read_text().split()[1:] == before
    # The server, which was started before, opens what is sealed with the new key, and seals with it.
    assert httpx2.get(f"{process.url}/functions/v1/find?note=n3").json() == ["n3"]
    assert httpx2.post(f"{process.url}/functions/v1/add?note=later").status_code == 200
    again = undercroft("keys", "reseal", "--same-key", "--data", str(data), cwd=folder).stdout
    assert "members.note: 6 seen, 0 sealed anew" in again
