"""C3, C8 and C9 for people: whatever is sent to an operation of `/auth/v1` is answered, in GoTrue's shape, and never 500.

Operations and the names of what they read come from the code: a new one is asked, too.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import quote, urlencode
from uuid import uuid4

import msgspec
import pytest

from tests.api.auth.contract import contract, operations
from tests.api.auth.factoring import Person
from tests.api.auth.once import member
from tests.api.auth.people import Answer
from tests.api.auth.places import Round, way
from undercroft.auth.routes import ROUTES, VERSION
from undercroft.auth.routes.asked import ADMIN, USER, Route
from undercroft.auth.types import asks, oauth, provider_asks, sso_asks

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
SETTINGS: dict[str, Any] = {
    "enable_anonymous_sign_ins": True, "oauth_server_enabled": True, "oauth_server_allow_dynamic_registration": True,
    "sms_enable_signup": True, "sms_test_otp": '{"15550001": "123456"}', "mfa_web_authn_enroll_enabled": True,
    "mfa_web_authn_verify_enabled": True, "mfa_phone_enroll_enabled": True, "mfa_phone_verify_enabled": True,
    "email_verify_by_get": True, "hashing_queue": 500, "saml_enabled": True,
}  # fmt: skip
GOOD: dict[str, Any] = {
    "email": "hostile@example.com", "phone": "15550001", "password": "correct horse", "type": "signup",
    "token": "123456", "token_hash": "x" * 56, "refresh_token": "x", "data": {}, "factor_type": "totp",
    "challenge_id": str(uuid4()), "code": "123456", "provider": "keycloak", "redirect_to": "https://app.example.com",
    "auth_code": str(uuid4()), "code_verifier": "v" * 50, "id_token": "a.b.c", "grant_type": "authorization_code",
    "client_id": str(uuid4()), "client_name": "x", "redirect_uris": ["https://client.example.com/"],
    "redirect_uri": "https://client.example.com/", "response_type": "code", "action": "approve", "page": "1",
    "credential": {"id": "x", "rawId": "x", "type": "public-key", "response": {"clientDataJSON": "e30"}},
    "webauthn": {"type": "create", "credential_response": {"id": "x"}}, "state": "x", "domain": "example.com",
    "provider_type": "oidc", "identifier": "custom:x", "issuer": "https://issuer.example.com", "name": "x",
}  # fmt: skip
ODD: list[Any] = [
    None, True, 0, -1, 10**30, 1.5, "", "\0", "a\0b@example.com", "x" * 70_000, "𝕏é\u202e\ufeff" * 40, "\ud800", [], {}, [[]],
    [None, 1, {"a": [1]}], {"$ne": None}, {"\0": "\0"}, "../../etc/passwd", "' OR 1=1 --", "%00%ff%0d%0a", "\r\nset-cookie: a=b",
    "null", "-9223372036854775809", "1e400", ["x"] * 2000, {"a": {"b": {"c": [{}] * 50}}},
]  # fmt: skip
RAW: list[bytes] = [
    b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe{}", b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"email":' * 20_000,
    b'{"email":"a@example.com","email":{"a":1},"password":1e400}', b'{"email":"\\ud800@example.com"}', b'{"a":NaN}',
    b'{"data":{"\\u0000":"\\u0000"},"email":"b@example.com","password":"correct horse"}', b"{}" + b" " * 300_000, b"a=b&a=%00&%ff",
    b'{"email":' + b"1" * 5000 + b"}",
]  # fmt: skip
KINDS = [JSON, FORM, "text/plain", "multipart/form-data; boundary=x", "application/xml", "", "application/json;" * 50,
         "application/json; charset=utf-16", "\xff/\xff"]  # fmt: skip
PARTS = ["%00", "..%2f..%2fusers", "%ff", "x" * 5000, "%F0%9F%90%8E", "00000000-0000-0000-0000-000000000000", "%2e%2e",
         "' OR 1=1", "{user_id}", "１１111111-1111-1111-1111-111111111111"]  # fmt: skip
PAGES = ("/verify", "/callback", "/authorize", "/oauth/authorize", "/sso", "/saml/acs")
"""What browsers come by: they are sent on with what went wrong, or shown a page."""


@pytest.fixture(scope="module")
def trip(server: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Round]:
    with way(tmp_path_factory.mktemp("hostile"), server, **SETTINGS) as made:
        yield made


def names(shared: Path) -> list[str]:
    """Every name that a body or a query may hold: of our types, and of GoTrue's description where it is there."""
    found = set(GOOD)
    for module in (asks, oauth, provider_asks, sso_asks):
        found |= _fields(module)
    if shared.is_dir():
        document = contract(shared)
        for operation in operations(document):
            text = json.dumps(document["paths"][operation.path][operation.method.lower()])
            for properties in re.findall(r'"properties": \{(.*)', text):
                found |= set(re.findall(r'"(\w+)": \{', properties))
            found |= set(re.findall(r'"in": "query", "name": "(\w+)"', text))
            found |= set(re.findall(r'"name": "(\w+)", "in": "query"', text))
    return sorted(found)


def _fields(module: ModuleType) -> set[str]:
    structs = [each for each in vars(module).values() if isinstance(each, type)]
    told = {
        field.encode_name
        for each in structs
        if issubclass(each, msgspec.Struct)
        for field in msgspec.structs.fields(each)
    }
    return told | {name for each in structs if issubclass(each, tuple) for name in getattr(each, "_fields", ())}


class Asking:
    """One operation, asked by whoever may."""

    def __init__(self, trip: Round, route: Route, chance: random.Random) -> None:
        self.trip, self.route, self.chance = trip, route, chance
        self.person: Person | None = None

    def token(self) -> str | None:
        if self.route.needs == ADMIN:
            return self.trip.house.service
        if self.route.needs != USER:
            return None
        if self.person is None or self.person.ask("GET", "/user").status_code != 200:
            self.person = member(self.trip)
            self.person.enrolled()
        return self.person.token

    def path(self, part: Callable[[str], str]) -> str:
        return re.sub(r"\{(\w+)\}", lambda found: part(found[1]), self.route.path)

    def part(self, name: str) -> str:
        if name == "factor_id" and self.person is not None:
            return self.person.factor
        return "keycloak" if name == "place" else str(uuid4())

    def ask(self, path: str, body: Any = None, kind: str | None = JSON, query: str = "") -> None:
        """Ask, and judge the answer."""
        headers: dict[str, Any] = {"content-type": kind.encode("latin-1")} if kind else {}
        if self.chance.random() < 0.5:
            headers["x-supabase-api-version"] = VERSION.decode()
        sent = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        token = self.token()
        answer = self.trip.house.ask(self.route.method, f"{path}{query}", sent, token=token, headers=headers)
        shown = f"{self.route.method} {path[:100]}{query[:200]} {kind} {str(body)[:300]}: {answer.status_code} {answer.text[:300]}"
        assert answer.status_code < 500 or (answer.status_code == 503), shown
        assert is_told(answer, self.route), shown


def is_told(answer: Answer, route: Route) -> bool:
    """Whether an answer is one that GoTrue's clients read: what was asked for, a fault, or where a browser goes next."""
    if answer.status_code in (302, 303):
        return "location" in answer.headers
    if answer.status_code < 400:
        return True
    if route.path.startswith(PAGES) and answer.headers["content-type"].startswith("text/html"):
        return True
    told = answer.json()
    if "error" in told and route.path.startswith("/oauth/"):
        return isinstance(told["error"], str)
    if answer.headers.get("x-supabase-api-version"):
        return isinstance(told.get("code"), str) and isinstance(told.get("message"), str)
    named = isinstance(told.get("error_code"), str) and isinstance(told.get("msg"), str)
    return named and told.get("code") == answer.status_code


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: f"{route.method} {route.path}")
def test_whatever_is_sent_is_answered(
    trip: Round, server: str | None, route: Route, shared: Path, rounds: Callable[[int, int], int]
) -> None:
    chance = random.Random(f"{route.method} {route.path}")
    few = 1 if server is None else 2  # PostgreSQL takes less: no NUL, no id that is none
    asking, known = Asking(trip, route, chance), names(shared)
    asking.token()
    path = asking.path(asking.part)
    if route.method != "GET":
        for raw in chance.sample(RAW, rounds(few, len(RAW))):
            asking.ask(path, raw, chance.choice([JSON, JSON, FORM]))
        for kind in chance.sample(KINDS, rounds(few, len(KINDS))):
            asking.ask(path, GOOD, kind or None)
        for odd in chance.sample(ODD, rounds(few, len(ODD))):
            asking.ask(path, dict.fromkeys(known, odd))
        for _ in range(rounds(2 * few, 200)):
            changed = {name: chance.choice(ODD) for name in chance.sample(known, chance.randint(1, 4))}
            asking.ask(path, {**GOOD, "email": trip.house.fresh_email(), **changed})
    for _ in range(rounds(few, 60)):
        said = {**GOOD, **{name: chance.choice(ODD) for name in chance.sample(known, 3)}}
        told = {name: value if isinstance(value, str) else json.dumps(value) for name, value in said.items()}
        pairs = urlencode({name: value[:2000] for name, value in told.items()}, errors="replace")
        if route.method != "GET" and chance.random() < 0.5:
            asking.ask(path, pairs.encode(), FORM)
        else:
            asking.ask(path, query=f"?{pairs}&page=%00&page=-1&per_page=99999999999999999999&a=%ff&%00=%00")
    if "{" in route.path:
        for part in chance.sample(PARTS, rounds(few, len(PARTS))):
            at = re.sub(r"\{\w+\}", quote(part, safe="%"), route.path)
            asking.ask(at, None if route.method == "GET" else {})


def test_a_fault_of_the_house_is_noticed() -> None:
    """The control."""
    (route,) = [route for route in ROUTES if (route.method, route.path) == ("POST", "/signup")]
    assert not is_told(Answer(400, json={"code": "x", "message": "y"}), route)
    assert not is_told(Answer(400, json={"error": "x"}), route)
    assert is_told(Answer(400, json={"code": 400, "error_code": "x", "msg": "y"}), route)
