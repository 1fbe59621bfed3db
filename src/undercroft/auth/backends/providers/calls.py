"""Speaking to another place: its discovery document, its keys, a code for tokens, and who somebody is.

Calls go out by the house's client, which goes to no address inside; no redirect is followed, for secrets go along. What
comes back is read as written by a stranger.
"""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, Unpack
from urllib.parse import quote, urlsplit

from undercroft.auth.backends.providers.declared import Client, Provider
from undercroft.auth.errors import AuthFault, KeyFault
from undercroft.auth.parts.id_tokens import Expected, check_nonce, checked, is_signed, public_keys, read, refused
from undercroft.auth.parts.keyring import KeyRing, key_set
from undercroft.auth.types.people import Brought
from undercroft.base.clock import Clock
from undercroft.base.faults import Fault
from undercroft.models.calls import CallOptions, Reply

KEYS_LIVE, KEYS_OUTLIVE, KEYS_PAUSE, KEYS_AGAIN = 600.0, 3600.0, 60.0, 10.0
"""Seconds for which keys are taken as they are; for which they are if no newer ones can be had; between two looks for
newer ones, however many tokens name keys that are not there; and after a look that failed."""
DOCUMENT_LIVES = 3600.0
_TIMEOUT, _LIMIT = 10.0, 256 * 1024
_LONGEST_TOKEN = 16 * 1024
_NEEDED = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class Http(Protocol):
    """The house's calls to other machines."""

    async def get(self, url: str, **options: Unpack[CallOptions]) -> Reply:
        """GET. Raises `Fault`."""
        ...

    async def post(self, url: str, **options: Unpack[CallOptions]) -> Reply:
        """POST. Raises `Fault`."""
        ...


@dataclass(slots=True)
class _Keys:
    """The keys of a place, since when, and when they may be asked for again."""

    ring: KeyRing = field(default_factory=KeyRing)
    since: float = 0.0
    again: float = 0.0


class Calls:
    """Calls to all places, and what is remembered of their answers."""

    def __init__(self, http: Http, clock: Clock) -> None:
        self._http = http
        self._clock = clock
        self._keys: dict[str, _Keys] = {}
        self._documents: dict[str, tuple[float, dict[str, Any]]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    # --- what a place is ---

    async def found(self, client: Client) -> Client:
        """A place with all its addresses. Raises `AuthFault`."""
        provider = client.provider
        if provider.discovery is None:
            return client
        until, document = self._documents.get(provider.discovery, (0.0, {}))
        if until <= self._clock.timestamp() or document.get("issuer") != provider.url:
            document = await self.discover(provider.url, provider.discovery)
        return replace(client, provider=_completed(provider, document))

    async def discover(self, issuer: str, address: str) -> dict[str, Any]:
        """The document of an issuer, fetched anew. Raises `AuthFault`."""
        try:
            document = _object(await self._get(address, {}))
        except AuthFault:
            message = f'Failed to fetch OIDC discovery document from "{address}"'
            raise AuthFault("validation_failed", message) from None
        missing = [name for name in _NEEDED if not isinstance(document.get(name), str)]
        if missing:
            message = f"OIDC discovery document is missing required fields: {', '.join(missing)}"
            raise AuthFault("validation_failed", message)
        told = document.get("issuer")
        if told != issuer:
            message = f'OIDC discovery issuer mismatch: discovery document reports "{told}" but expected "{issuer}"'
            raise AuthFault("validation_failed", message[:500])
        for name in (*_NEEDED, "userinfo_endpoint"):
            if document.get(name) and not is_safe(document[name]):
                raise AuthFault("validation_failed", f"OIDC discovery document has no proper {name}")
        self._documents[address] = (self._clock.timestamp() + DOCUMENT_LIVES, document)
        return document

    # --- who somebody is ---

    async def brought(
        self, client: Client, code: str, *, verifier: str | None, nonce: str, form: Mapping[str, Any] | None = None
    ) -> Brought:
        """Who came back with a code. Raises `AuthFault`."""
        provider = client.provider
        answer = await self._tokens(client, code, verifier)
        access, token = text_of(answer.get("access_token")), answer.get("id_token")
        claims: dict[str, Any] = {}
        if token and provider.issuer is not None:
            claims = await self.believed(client, token, access)
            skip = client.skip_nonce_check or not provider.nonce
            check_nonce(claims, nonce, hashed=False, skip=skip)
        elif provider.issuer is not None and (provider.nonce or not provider.people):
            raise _unreadable()
        found: dict[str, Any] = {"form": form or {}}
        if access and (not claims or not claims.get("email")):
            found |= await self._told(client, access)
        elif not claims:
            raise _unreadable()
        person = provider.reads(claims, found)
        if not person.subject:
            raise _unreadable()
        return Brought(person, access, text_of(answer.get("refresh_token")))

    async def believed(self, client: Client, token: object, access_token: str | None) -> dict[str, Any]:
        """The claims of an ID token that the place signed for this app. Raises `AuthFault`."""
        if not isinstance(token, str) or client.provider.issuer is None:
            raise refused("it is none")
        provider, issuer = client.provider, client.provider.issuer
        parsed = read(token)
        ring = await self._ring(client.at(provider.jwks), parsed.algorithm, parsed.kid)
        if not is_signed(parsed, ring):
            raise refused("no key of the issuer signed it")
        return checked(
            parsed,
            Expected(
                lambda claims: issuer(claims, provider.url), client.audiences, self._clock.timestamp(), access_token
            ),
        )

    async def _tokens(self, client: Client, code: str, verifier: str | None) -> dict[str, Any]:
        """What a code is changed for (RFC 6749, 4.1.3)."""
        provider = client.provider
        secret = provider.secret(client, self._clock.timestamp()) if provider.secret else client.secret.reveal()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": client.redirect_uri}
        headers = {"accept": "application/json"}
        if provider.basic:
            pair = f"{quote(client.client_id, safe='')}:{quote(secret, safe='')}"
            headers["authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        else:
            form |= {"client_id": client.client_id, "client_secret": secret}
        if verifier is not None:
            form["code_verifier"] = verifier
        try:
            reply = await self._http.post(
                client.at(provider.exchange), data=form, headers=headers, timeout=_TIMEOUT, limit=_LIMIT, redirects=0
            )
        except Fault as fault:
            raise _unreachable(client) from fault
        if reply.status >= 500:
            raise _unreachable(client)
        answer = _object(reply) if reply.ok else {}
        if not text_of(answer.get("access_token")) and not answer.get("id_token"):
            raise AuthFault("bad_oauth_callback", "Unable to exchange external code")
        return answer

    async def _told(self, client: Client, access_token: str) -> dict[str, Any]:
        """What the place tells of somebody."""
        found: dict[str, Any] = {}
        for name, address in client.provider.people.items():
            headers = {"accept": "application/json", "authorization": f"Bearer {access_token}"}
            headers |= {key: value.replace("{client_id}", client.client_id) for key, value in
                        client.provider.headers.items()}  # fmt: skip
            reply = await self._get(client.at(address), headers)
            found[name] = _json(reply)
        return found

    async def _get(self, address: str, headers: Mapping[str, str]) -> Reply:
        try:
            reply = await self._http.get(
                address, headers=headers, timeout=_TIMEOUT, limit=_LIMIT, redirects=0, attempts=2
            )
        except Fault as fault:
            raise _unreadable() from fault
        if not reply.ok:
            raise _unreadable()
        return reply

    # --- keys ---

    async def _ring(self, address: str, algorithm: str, kid: str | None) -> KeyRing:
        """The keys at an address; newer ones where none of those that are known could have signed."""
        keys = self._keys.setdefault(address, _Keys())
        if self._serve(keys, algorithm, kid):
            return keys.ring
        async with self._locks.setdefault(address, asyncio.Lock()):
            now = self._clock.timestamp()
            if not self._serve(keys, algorithm, kid) and now >= keys.again:
                await self._renewed(keys, address, now)
        return keys.ring if now < keys.since + KEYS_OUTLIVE else KeyRing()

    def _serve(self, keys: _Keys, algorithm: str, kid: str | None) -> bool:
        is_fresh = self._clock.timestamp() < keys.since + KEYS_LIVE
        return is_fresh and bool(keys.ring.candidates(algorithm, kid))

    async def _renewed(self, keys: _Keys, address: str, now: float) -> None:
        keys.again = now + KEYS_AGAIN
        try:
            reply = await self._get(address, {"accept": "application/json"})
            ring = public_keys(key_set(reply.body))
        except (AuthFault, KeyFault, UnicodeDecodeError, RecursionError):
            return
        keys.ring, keys.since, keys.again = ring, now, now + KEYS_PAUSE


def _completed(provider: Provider, document: Mapping[str, Any]) -> Provider:
    """A place with what its document says."""
    methods = document.get("token_endpoint_auth_methods_supported")
    userinfo = document.get("userinfo_endpoint")
    return replace(
        provider,
        authorization=document["authorization_endpoint"],
        exchange=document["token_endpoint"],
        jwks=document["jwks_uri"],
        people={"user": userinfo} if userinfo else {},
        basic=not isinstance(methods, list) or "client_secret_basic" in methods,
        sends=provider.url,
        always_sends=document.get("authorization_response_iss_parameter_supported") is True,
    )


def is_safe(address: object) -> bool:
    """Whether secrets may go there: by HTTPS, or to this very machine (whose calls the house's client judges)."""
    if not isinstance(address, str) or len(address) > 2048 or not address.isascii() or not address.isprintable():
        return False
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return False
    if " " in address or "@" in parts.netloc or "\\" in address or parts.fragment:
        return False
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and host in ("127.0.0.1", "localhost")))


def text_of(value: object) -> str | None:
    """A token, where it is one."""
    if not isinstance(value, str) or not 0 < len(value) <= _LONGEST_TOKEN:
        return None
    return value if value.isascii() and value.isprintable() else None


def _json(reply: Reply) -> Any:
    """An answer, with nothing in it that a database does not take as text. Raises `AuthFault`."""
    try:
        found = json.loads(reply.body.decode("utf-8"))
        told = json.dumps(found, ensure_ascii=False, allow_nan=False)
        told.encode()
    except (ValueError, RecursionError):
        raise _unreadable() from None
    return json.loads(told.replace("\\u0000", "")) if "\\u0000" in told else found


def _object(reply: Reply) -> dict[str, Any]:
    found = _json(reply)
    if not isinstance(found, dict):
        raise _unreadable()
    return found


def _unreachable(client: Client) -> AuthFault:
    return AuthFault("unexpected_failure", f"Unable to reach {client.name}", status=502)


def _unreadable() -> AuthFault:
    return AuthFault("unexpected_failure", "Error getting user profile from external provider", status=502)
