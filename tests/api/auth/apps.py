"""An app that signs people in by a house: what it sends, step by step."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from tests.api.auth.people import Answer, People

BACK = "https://client.example.com/callback"
VERIFIER = "verifier-" + "v" * 40
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
FORM = {"content-type": "application/x-www-form-urlencoded"}
Told = dict[str, Any]


def registered(house: People, **more: Any) -> Told:
    """A client that the service made."""
    body = {"client_name": "Reader", "redirect_uris": [BACK], **more}
    answer = house.ask("POST", "/admin/oauth/clients", body, token=house.service)
    assert answer.status_code == 201, answer.text
    told: Told = answer.json()
    return told


def asked(house: People, client: Told, **more: str | None) -> Answer:
    """Its request for an authorization; None leaves a parameter out."""
    given: dict[str, str | None] = {
        "response_type": "code",
        "client_id": client["client_id"],
        "redirect_uri": BACK,
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        "scope": "openid profile email",
        "state": "st&te",
        **more,
    }
    query = urlencode({name: value for name, value in given.items() if value is not None})
    return house.ask("GET", f"/oauth/authorize?{query}")


def said(answer: Answer | str) -> dict[str, str]:
    """The query of where an answer leads to."""
    address = answer if isinstance(answer, str) else answer.headers["location"]
    return dict(parse_qsl(urlsplit(address).query))


def begun(house: People, client: Told, **more: str | None) -> str:
    """The id of an authorization that somebody is to decide on."""
    answer = asked(house, client, **more)
    assert answer.status_code == 302, answer.text
    return said(answer)["authorization_id"]


def decided(house: People, authorization_id: str, token: str, action: str = "approve") -> Answer:
    """Somebody's answer."""
    return house.ask("POST", f"/oauth/authorizations/{authorization_id}/consent", {"action": action}, token=token)


def coded(house: People, client: Told, token: str, **more: str | None) -> str:
    """A code, for an app that somebody lets in."""
    answer = decided(house, begun(house, client, **more), token)
    assert answer.status_code == 200, answer.text
    return said(answer.json()["redirect_url"])["code"]


def form_of(client: Told, **fields: str | None) -> str:
    """A body of the token endpoint; the secret goes in it."""
    given: dict[str, str | None] = {"client_id": client["client_id"], "client_secret": client.get("client_secret")}
    return urlencode({name: value for name, value in {**given, **fields}.items() if value is not None})


def code_form(client: Told, code: str, **more: str | None) -> str:
    """A body that changes a code for tokens."""
    fields: dict[str, str | None] = {"code": code, "redirect_uri": BACK, "code_verifier": VERIFIER, **more}
    return form_of(client, grant_type="authorization_code", **fields)


def exchanged(house: People, client: Told, code: str, **more: str | None) -> Answer:
    """Tokens for a code."""
    return house.ask("POST", "/oauth/token", code_form(client, code, **more), headers=FORM)


def refreshed(house: People, client: Told, token: str, **more: str | None) -> Answer:
    """Tokens for a refresh token."""
    fields: dict[str, str | None] = {"refresh_token": token, **more}
    return house.ask("POST", "/oauth/token", form_of(client, grant_type="refresh_token", **fields), headers=FORM)


def let_in(house: People, client: Told, token: str | None = None, **more: str | None) -> Told:
    """The tokens of an app that somebody let in."""
    answer = exchanged(house, client, coded(house, client, token or house.signed_up()["access_token"], **more))
    assert answer.status_code == 200, answer.text
    told: Told = answer.json()
    return told


def claims_of(token: str) -> Told:
    """What a token says."""
    payload = token.split(".")[1]
    told: Told = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return told
