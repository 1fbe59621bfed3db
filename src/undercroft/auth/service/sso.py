"""Single sign-on by SAML 2.0: somebody is sent to the identity provider of their organisation, and comes back with what
it asserts of them.

Who was sent from here is let in only in the browser that was sent (where it is reached by https), by one response to
that one request. An assertion is taken once. People of an identity provider are known by it and by their id there, and
are nobody else's: no address joins them to another account.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from undercroft.auth.errors import AuthFault, user_missing, validation_failed
from undercroft.auth.parts import states
from undercroft.auth.parts.redirects import allowed_redirect, with_fragment, with_query
from undercroft.auth.parts.saml.attributes import person_of
from undercroft.auth.parts.saml.documents import Unreadable, parsed_whole
from undercroft.auth.parts.saml.requests import Asking, new_id, posted, redirected
from undercroft.auth.parts.saml.responses import asserted, issuer_of
from undercroft.auth.service.accounts import changed, created, identified, merged
from undercroft.auth.service.again import again
from undercroft.auth.service.flows import begun, check_challenge, with_code
from undercroft.auth.service.providers import refused
from undercroft.auth.service.room import Room, noted
from undercroft.auth.service.sessions import opened, refuse_banned, tokens
from undercroft.auth.service.sso_providers import domain_of, missing, party_of, standing
from undercroft.auth.store import Record, Rows
from undercroft.auth.store.once import is_first
from undercroft.auth.tables import (
    FLOWS,
    IDENTITIES,
    SAML_PROVIDERS,
    SAML_RELAY_STATES,
    SSO_DOMAINS,
    SSO_PROVIDERS,
    USERS,
)
from undercroft.auth.types import Caller, Granted
from undercroft.auth.types.people import Person
from undercroft.auth.types.saml import Asserted, Expected, IdentityProvider
from undercroft.auth.types.sso_asks import SignOn

SAML = "sso/saml"
"""How somebody came in, in tokens."""
_TICKET, _TAKEN = "sso/ticket", "sso/assertion"
_PREFIX = "sso:"
"""Begins the name of a provider in identities."""


class Leaving(NamedTuple):
    """Where a browser goes: to an address, or by a page that takes it there; and its cookie."""

    address: str | None
    page: tuple[tuple[tuple[bytes, bytes], ...], bytes] | None
    cookie: str | None


# --- going there ---


async def begin(room: Room, ask: SignOn, redirect_to: str) -> str:
    """`POST /sso`: an address of ours that sends one browser to the identity provider, once, and there binds it.
    Raises `AuthFault`."""
    party = party_of(room)
    challenge = check_challenge(ask.code_challenge, ask.code_challenge_method)
    if bool(ask.provider_id) == bool(ask.domain):
        raise validation_failed("Exactly one of provider_id and domain needs to be provided")
    ticket = states.new_state()

    def work(rows: Rows) -> None:
        provider_id = _meant(rows, ask)
        _provider(rows, provider_id)
        begun(rows, room, f"{_PREFIX}{provider_id}", _TICKET, challenge, details={"redirect_to": redirect_to},
              flow_id=states.flow_of(ticket))  # fmt: skip

    await room.write(work)
    return f"{party.address}/sso?ticket={ticket}"


def _meant(rows: Rows, ask: SignOn) -> str:
    """The id of the provider that somebody asks for. Raises `AuthFault`."""
    if ask.provider_id:
        try:
            return str(UUID(ask.provider_id))
        except ValueError:
            raise missing() from None
    domain = domain_of(ask.domain or "")
    row = rows.one(SSO_DOMAINS, domain=domain) if domain else None
    if row is None:
        raise AuthFault("sso_provider_not_found", "No SSO provider assigned for this domain")
    its_id: str = row["sso_provider_id"]
    return its_id


def _provider(rows: Rows, provider_id: str) -> Record:
    """How a provider speaks SAML. Raises `AuthFault` where it is not there, or not for now."""
    row = rows.one(SSO_PROVIDERS, id=provider_id)
    saml = rows.one(SAML_PROVIDERS, sso_provider_id=provider_id) if row and not row["disabled"] else None
    if saml is None:
        raise missing()
    return saml


async def leave(room: Room, ticket: str) -> Leaving:
    """An address of `begin`, in a browser: to the identity provider, with a request. Raises `AuthFault`."""
    party = party_of(room)

    def used(rows: Rows) -> tuple[Record, Record] | None:
        found = rows.remove(FLOWS, id=states.flow_of(ticket), authentication_method=_TICKET, auth_code=None)
        if not found or found[0]["created_at"] + timedelta(seconds=states.SECONDS) < room.now():
            return None
        return found[0], _provider(rows, found[0]["provider_type"].removeprefix(_PREFIX))

    used_now = await room.write(used)
    if used_now is None:
        raise AuthFault("flow_state_not_found", "This way was gone already, or is too old")
    flow, saml = used_now
    idp, state, request_id = await standing(room, saml), str(uuid4()), new_id()
    await room.write(lambda rows: _stored(rows, room, flow, saml, state, request_id))
    destination = idp.redirect or idp.post or ""
    asking = Asking(request_id, room.now(), party.entity_id, destination, party.acs, saml["name_id_format"])
    secure = party.is_secure
    cookie = states.cookie(
        states.cookie_name(state, secure=secure), states.derived(room.key(), "browser", state), secure=secure,
        cross_site=True, seconds=int(room.settings.saml.relay_state_validity_period),
    )  # fmt: skip
    if idp.redirect is not None:
        return Leaving(redirected(asking, state, party.key), None, cookie)
    return Leaving(None, posted(asking, state, party.key, party.certificate), cookie)


def _stored(rows: Rows, room: Room, flow: Record, saml: Record, state: str, request_id: str) -> None:
    """What is to be known when somebody comes back: stored by a hash of the state, as that of other ways."""
    flow_id, now = None, room.now()
    if flow["code_challenge"] is not None:
        challenge = (flow["code_challenge"], flow["code_challenge_method"])
        flow_id = begun(rows, room, flow["provider_type"], SAML, challenge)
    rows.add(
        SAML_RELAY_STATES, id=states.flow_of(state), sso_provider_id=saml["sso_provider_id"], request_id=request_id,
        redirect_to=json.loads(flow["details"])["redirect_to"], flow_state_id=flow_id, created_at=now, updated_at=now,
    )  # fmt: skip


# --- coming back ---


async def come_back(
    room: Room, values: Mapping[str, str], cookie_of: Callable[[str], str | None], caller: Caller
) -> Leaving:
    """`POST /saml/acs`: where a browser goes that brings a response. Whatever is wrong is told to the app."""
    party_of(room)
    settings, state = room.settings, values.get("RelayState", "")
    site, cookie = settings.site_url, None
    redirect_to = allowed_redirect(state, site, settings.additional_redirect_urls)
    relay: Record | None = None
    try:
        if _is_state(state):
            redirect_to = site
            relay, cookie = await _relayed(room, state, cookie_of)
            redirect_to = allowed_redirect(relay["redirect_to"], site, settings.additional_redirect_urls)
        address = await _landed(room, values, relay, redirect_to, caller)
    except AuthFault as fault:
        room.log.info("saml_refused", code=fault.code, reason=fault.message)
        return Leaving(refused(redirect_to, fault), None, cookie)
    return Leaving(address, None, cookie)


def _is_state(text: str) -> bool:
    """Whether somebody was sent from here; any other text is an address, or means nothing."""
    try:
        return str(UUID(text)) == text
    except ValueError:
        return False


async def _relayed(room: Room, state: str, cookie_of: Callable[[str], str | None]) -> tuple[Record, str]:
    """What is known of a way that began here, which is used up, and the cookie that is taken. Raises `AuthFault`."""
    secure = party_of(room).is_secure
    name = states.cookie_name(state, secure=secure)
    # Without https, no browser sends a cookie along with a form from elsewhere.
    if secure and not states.is_that(cookie_of(name), room.key(), state):
        raise AuthFault("saml_relay_state_not_found", "This did not begin in this browser, at this host")
    found = await room.write(lambda rows: rows.remove(SAML_RELAY_STATES, id=states.flow_of(state)))
    if not found:
        raise AuthFault("saml_relay_state_not_found", "SAML RelayState does not exist, try logging in again")
    lives = timedelta(seconds=room.settings.saml.relay_state_validity_period)
    if found[0]["created_at"] + lives < room.now():
        raise AuthFault("saml_relay_state_expired", "SAML RelayState has expired, try logging in again")
    return found[0], states.cookie(name, "", secure=secure, cross_site=True, seconds=0)


async def _landed(room: Room, values: Mapping[str, str], relay: Record | None, redirect_to: str, caller: Caller) -> str:
    """Where somebody goes who is believed. Raises `AuthFault`."""
    party = party_of(room)
    root = await asyncio.to_thread(_document, values.get("SAMLResponse", ""))
    if relay is not None:
        saml = await room.read(lambda rows: _provider(rows, relay["sso_provider_id"]))
    else:
        saml = await room.read(lambda rows: _of_issuer(rows, _issuer(root)))
    idp = await standing(room, saml)
    request_id = relay["request_id"] if relay else None
    key = party.key if party.encrypts else None
    expected = Expected(idp, party.entity_id, party.acs, request_id, room.now(), key)
    told = await asyncio.to_thread(_believed, root, expected)
    person = person_of(told, idp.entity_id, saml["attribute_mapping"] or {})

    def work(rows: Rows) -> Granted | str:
        user = _arrived(rows, room, saml["sso_provider_id"], idp, told, person, caller)
        flow = rows.one(FLOWS, id=relay["flow_state_id"]) if relay and relay["flow_state_id"] else None
        if flow is not None:
            kept = {"not_after": told.not_after.isoformat()} if told.not_after else {}
            return with_code(rows, room, flow, user["id"], details=json.dumps(kept))
        return opened(rows, room, user, caller, SAML, not_after=told.not_after)

    found = await again(lambda: room.write(work))
    if isinstance(found, str):
        return with_query(redirect_to, {"code": found})
    shape = await tokens(room, found)
    given = {name: str(shape[name]) for name in ("access_token", "expires_at", "expires_in", "refresh_token")}
    return with_fragment(redirect_to, {**given, "token_type": "bearer"})


def _document(text: str) -> Any:
    """A response as it was sent. Raises `AuthFault`."""
    if not text:
        raise validation_failed("SAMLResponse is missing")
    try:
        return parsed_whole(base64.b64decode("".join(text.split()), validate=True))
    except Unreadable as problem:
        raise _unbelieved(str(problem)) from None
    except ValueError:
        raise _unbelieved("it is not in base64") from None


def _issuer(root: Any) -> str:
    try:
        return issuer_of(root)
    except Unreadable as problem:
        raise _unbelieved(str(problem)) from None


def _believed(root: Any, expected: Expected) -> Asserted:
    try:
        return asserted(root, expected)
    except Unreadable as problem:
        raise _unbelieved(str(problem)) from None


def _unbelieved(reason: str) -> AuthFault:
    return validation_failed(f"SAML Assertion is not valid: {reason}")


def _of_issuer(rows: Rows, issuer: str) -> Record:
    """The provider of a response that answers no request of ours. Raises `AuthFault`."""
    saml = rows.one(SAML_PROVIDERS, entity_id=issuer)
    if saml is None:
        raise AuthFault("saml_idp_not_found", "A SAML connection has not been established with this Identity Provider")
    return _provider(rows, saml["sso_provider_id"])


# --- an account for somebody ---


def _arrived(
    rows: Rows, room: Room, provider_id: str, idp: IdentityProvider, told: Asserted, person: Person, caller: Caller
) -> Record:
    """The account of somebody, found or made, by an assertion that nobody brought before. Raises `AuthFault`."""
    provider, now = f"{_PREFIX}{provider_id}", room.now()
    if not is_first(rows, room.engine.dialect, _TAKEN, f"{idp.entity_id}\x00{told.id}", provider, now):
        raise _unbelieved("it was taken before")
    identity = rows.one(IDENTITIES, locked=True, provider=provider, provider_id=person.subject)
    if identity is None:
        return _new(rows, room, provider, person, caller)
    user = rows.one(USERS, locked=True, id=identity["user_id"])
    if user is None or user["deleted_at"] is not None:
        raise user_missing()
    refuse_banned(user, now)
    rows.change(
        IDENTITIES, {"id": identity["id"]}, identity_data=person.data, email=person.email, last_sign_in_at=now,
        updated_at=now,
    )  # fmt: skip
    data = merged(user["raw_user_meta_data"], person.data)
    return changed(rows, room, user, email=person.email, email_confirmed_at=now, raw_user_meta_data=data)


def _new(rows: Rows, room: Room, provider: str, person: Person, caller: Caller) -> Record:
    if not room.settings.enable_signup:
        raise AuthFault("signup_disabled", "Signups not allowed for this instance")
    user = created(
        rows, room, provider, email=person.email, email_confirmed_at=room.now(), is_sso_user=True,
        raw_user_meta_data=person.data,
    )  # fmt: skip
    identified(rows, room, user, provider, person.subject, person.data)
    noted(rows, room, "user_signedup", user, caller, kind="team", traits={"provider": provider})
    return user
