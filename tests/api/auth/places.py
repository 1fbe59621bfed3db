"""Other places to sign in by, for tests: a real server on loopback with real keys, and a browser that goes there.

It takes codes only as it gave them out: for the client, the redirect and the verifier that go with each.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import secrets
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey, RSAKey

from tests.api.auth.people import PLACE, SITE, Answer, People, people
from tests.receiver import Answered, Got, head, read_request
from undercroft.base.clock import Clock

TENANT = "11111111-2222-3333-4444-555555555555"
SECRET = "a-secret-of-the-app"
ME = "app-client"


@dataclass
class Visit:
    """Somebody who has been at the place, and what it will tell of them."""

    place: str
    asked: dict[str, str]
    claims: dict[str, Any]
    told: dict[str, Any]


@dataclass
class Places:
    """All places on one port: the first part of a path says which."""

    sock: socket.socket = field(default_factory=socket.socket)
    clock: Clock | None = None
    rsa: Any = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "rsa-1"}))
    ec: Any = field(default_factory=lambda: ECKey.generate_key("P-256", {"kid": "ec-1"}))
    visits: dict[str, Visit] = field(default_factory=dict)
    tokens: dict[str, Visit] = field(default_factory=dict)
    got: list[Got] = field(default_factory=list)
    hold: asyncio.Event | None = None
    tasks: set[Any] = field(default_factory=set)
    document: dict[str, Any] = field(default_factory=dict)
    broken: bool = False

    def __post_init__(self) -> None:
        self.sock.bind(("127.0.0.1", 0))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.sock.getsockname()[1]}"

    def issuer(self, place: str) -> str:
        """What the place writes as `iss`."""
        return {"apple": "https://appleid.apple.com", "azure": f"{self.url}/azure/{TENANT}/v2.0"}.get(
            place, f"{self.url}/{place}"
        )

    def settings(self) -> dict[str, Any]:
        """`[auth.external]`."""
        common = {"enabled": True, "client_id": f"{ME},other-client", "secret": SECRET}
        names = ("keycloak", "github", "gitlab", "discord", "apple", "custom:acme", "custom:evil")
        own = {name: {**common, "url": f"{self.url}/{name}"} for name in names}
        optional = {"custom:quiet": {**common, "url": f"{self.url}/custom:quiet", "email_optional": True}}
        return own | optional | {"azure": {**common, "url": f"{self.url}/azure/common"},
                                 "spotify": {"enabled": False, "client_id": ME}}  # fmt: skip

    async def start(self, clock: Clock) -> None:
        self.clock = clock
        self.server = await asyncio.start_server(self._served, sock=self.sock)

    async def stop(self) -> None:
        self.server.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    # --- people at the place ---

    def visit(self, address: str, claims: Mapping[str, Any], told: Mapping[str, Any] | None = None) -> dict[str, str]:
        """Somebody signs in there; what they are sent back with."""
        parts = urlsplit(address)
        asked = dict(parse_qsl(parts.query))
        code = secrets.token_urlsafe(16)
        place = parts.path.split("/")[1]
        self.visits[code] = Visit(place, asked, dict(claims), dict(told or {}))
        return {"code": code, "state": asked["state"]}

    def id_token(self, place: str, claims: Mapping[str, Any], *, key: Any = None, header: Any = None) -> str:
        """A token as the place signs them; claims of None are left out."""
        assert self.clock is not None
        key, now = key or self.rsa, int(self.clock.timestamp())
        made = {"iss": self.issuer(place), "aud": ME, "iat": now, "exp": now + 300, **claims}
        algorithm = "ES256" if key.key_type == "EC" else "RS256"
        text = json.dumps({name: value for name, value in made.items() if value is not None})
        return jws.serialize_compact({"alg": algorithm, "kid": key.kid, **(header or {})}, text, key)

    def calls(self, end: str) -> int:
        """How often something was asked for."""
        return sum(got.target.partition("?")[0].endswith(end) for got in self.got)

    # --- what it answers ---

    async def _served(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.add(asyncio.current_task())
        try:
            while (got := await read_request(reader)) is not None:
                self.got.append(got)
                status, headers, body = self._answered(got)
                writer.write(head(status, {"content-length": str(len(body)), **headers}) + body)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    def _answered(self, got: Got) -> Answered:
        path = got.target.partition("?")[0]
        place, end = path.split("/")[1], path.rpartition("/")[2]
        if self.broken:
            return 500, {}, b"<html>"
        if end == "openid-configuration":
            return _json({"issuer": self.issuer(place), "authorization_endpoint": f"{self.url}/{place}/authorize",
                          "token_endpoint": f"{self.url}/{place}/token", "jwks_uri": f"{self.url}/{place}/jwks",
                          "userinfo_endpoint": f"{self.url}/{place}/userinfo",
                          "authorization_response_iss_parameter_supported": place == "custom:evil"}
                         | self.document)  # fmt: skip
        if end in ("certs", "keys", "jwks"):
            return _json({"keys": [self.rsa.as_dict(private=False), self.ec.as_dict(private=False)]})
        if got.method == "POST":
            return self._exchanged(place, got)
        visit = self.tokens.get(got.headers.get("authorization", "").removeprefix("Bearer "))
        if visit is None or visit.place != place:
            return 401, {}, b"{}"
        return _json(visit.told.get(end, {}))

    def _exchanged(self, place: str, got: Got) -> Answered:
        form = dict(parse_qsl(got.body.decode()))
        visit = self.visits.pop(form.get("code", ""), None)
        if visit is None or visit.place != place or not self._is_client(form, got):
            return _json({"error": "invalid_grant"}, 400)
        if form.get("redirect_uri") != visit.asked["redirect_uri"]:
            return _json({"error": "invalid_grant"}, 400)
        if challenge := visit.asked.get("code_challenge"):
            made = base64.urlsafe_b64encode(hashlib.sha256(form.get("code_verifier", "").encode()).digest())
            if made.rstrip(b"=").decode() != challenge:
                return _json({"error": "invalid_grant"}, 400)
        access = secrets.token_urlsafe(16)
        self.tokens[access] = visit
        answer = {"access_token": access, "refresh_token": f"r-{access}", "token_type": "bearer"}
        if visit.claims:
            nonce = visit.asked.get("nonce")
            answer["id_token"] = self.id_token(place, {"nonce": nonce, **visit.claims})
        return _json(answer)

    def _is_client(self, form: dict[str, str], got: Got) -> bool:
        basic = base64.b64encode(f"{ME}:{SECRET}".encode()).decode()
        if got.headers.get("authorization") == f"Basic {basic}":
            return True
        return form.get("client_id") == ME and form.get("client_secret") == SECRET


def _json(value: Any, status: int = 200) -> Answered:
    return status, {"content-type": "application/json"}, json.dumps(value).encode()


@dataclass
class Browser:
    """Somebody's browser: it keeps the cookies of our host."""

    house: People
    cookies: dict[str, str] = field(default_factory=dict)
    set_cookies: list[str] = field(default_factory=list)

    async def going(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
        """Go to an address of ours."""
        sent = {"sec-fetch-mode": "navigate", **headers}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        answer = await self.house.asking(method, path.removeprefix(PLACE), body, headers=sent)
        for line in answer.headers.get_list("set-cookie"):
            self.set_cookies.append(line)
            name, _, value = line.partition(";")[0].partition("=")
            self.cookies.pop(name, None)
            if "Max-Age=0" not in line:
                self.cookies[name] = value
        return answer

    def go(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
        """As `going`, waited for."""
        answer: Answer = self.house.run(self.going(path, method, body, **headers))
        return answer


@dataclass
class Round:
    """A whole way: there and back."""

    house: People
    places: Places

    async def trip(
        self, place: str, claims: Mapping[str, Any], told: Mapping[str, Any] | None = None, *,
        browser: Browser | None = None, **query: str,
    ) -> Answer:  # fmt: skip
        """Somebody goes to a place and comes back; the answer that sends them to the app."""
        browser = browser or Browser(self.house)
        query.setdefault("redirect_to", f"{SITE}/welcome")
        left = await browser.going(f"/authorize?{urlencode({'provider': place, **query})}")
        assert left.status_code == 302, left.text
        return await self.back(browser, self.places.visit(left.headers["location"], claims, told))

    async def back(self, browser: Browser, values: Mapping[str, str]) -> Answer:
        return await browser.going(f"/callback?{urlencode(values)}")

    def go(self, place: str, claims: Mapping[str, Any], told: Mapping[str, Any] | None = None, **more: Any) -> Answer:
        """As `trip`, waited for."""
        answer: Answer = self.house.run(self.trip(place, claims, told, **more))
        return answer

    def signed_in(self, place: str, claims: Mapping[str, Any], **more: Any) -> dict[str, str]:
        """The tokens that come of it."""
        answer = self.go(place, claims, **more)
        told = fragment(answer)
        assert "access_token" in told, answer.headers["location"]
        return told

    def user(self, tokens: Mapping[str, Any]) -> dict[str, Any]:
        """Who somebody is."""
        answer = self.house.ask("GET", "/user", token=tokens["access_token"])
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told


def fragment(answer: Answer) -> dict[str, str]:
    """What an app reads behind the #."""
    return dict(parse_qsl(urlsplit(answer.headers["location"]).fragment))


def query(answer: Answer) -> dict[str, str]:
    """What an app reads behind the ?."""
    return dict(parse_qsl(urlsplit(answer.headers["location"]).query))


def who(subject: str, email: str | None = None, verified: Any = True, **more: Any) -> dict[str, Any]:
    """The claims of somebody; `verified` may be `...` for a place that says nothing of it."""
    claims = {"sub": subject, "name": subject.title(), "email": email, **more}
    return claims if verified is ... else {**claims, "email_verified": verified}


@contextmanager
def way(folder: Path, server: str | None, **settings: object) -> Iterator[Round]:
    """A house whose people sign in by places, and the places."""
    places = Places()
    given: dict[str, Any] = {
        "external": json.dumps(places.settings()),
        "enable_manual_linking": True,
        "email_enable_confirmations": True,
        "UNDERCROFT_OUTGOING_ALLOW": places.url.removeprefix("http://"),
        **settings,
    }
    with people(folder, server, **given) as house:
        house.run(places.start(house.clock))
        try:
            yield Round(house, places)
        finally:
            house.run(places.stop())
