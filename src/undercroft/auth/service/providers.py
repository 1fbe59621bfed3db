"""Signing in by another place: somebody is sent there, and comes back with a code (OAuth 2.0, OpenID Connect).

Who comes back is let in only in the browser that was sent: the state is good once, for ten minutes, and only beside the
cookie that was set as the browser left. Nothing is awaited of the other place while a unit of work is open.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any, NamedTuple, TypeVar

from undercroft.auth.backends.providers import Client
from undercroft.auth.errors import AuthFault
from undercroft.auth.parts import states
from undercroft.auth.parts.addresses import email_of
from undercroft.auth.parts.codes import stored_of
from undercroft.auth.parts.redirects import allowed_redirect, with_fragment, with_query
from undercroft.auth.service.accounts import changed
from undercroft.auth.service.again import again
from undercroft.auth.service.confirming import may_mail, send_confirmation
from undercroft.auth.service.custom_providers import RESERVED, calls_of, client_of
from undercroft.auth.service.factors import require_aal
from undercroft.auth.service.flows import begun, came_back, check_challenge
from undercroft.auth.service.linking import arrived, linked, linking_disabled, refuse_managed
from undercroft.auth.service.one_time import CONFIRMATION, PKCE
from undercroft.auth.service.room import Room
from undercroft.auth.service.sessions import opened, tokens
from undercroft.auth.store import Record, Rows
from undercroft.auth.tables import FLOWS, IDENTITIES, ONE_TIME_TOKENS, USERS
from undercroft.auth.types import Caller, Granted
from undercroft.auth.types.people import Brought, Person
from undercroft.auth.types.provider_asks import Authorize

R = TypeVar("R")

OAUTH, TICKET = "oauth", "ticket"
_WORD = re.compile(r"[a-z_]{1,64}")
_UNSAID = re.compile(r"[^\x20-\x7e]")


class Sent(NamedTuple):
    """Where a browser is sent, and the cookie that is set or taken as it goes."""

    address: str
    cookie: str | None = None


# --- going there ---


async def authorize(room: Room, ask: Authorize, link: dict[str, str] | None = None) -> Sent:
    """`GET /authorize`: to the place. Raises `AuthFault`."""
    client = await client_of(room, ask.provider)
    challenge = check_challenge(ask.code_challenge, ask.code_challenge_method)
    state, key = states.new_state(), room.key()
    details: dict[str, Any] = {"redirect_to": ask.redirect_to}
    if link is not None:
        details["link"] = link
    invited = stored_of(ask.invite_token.removeprefix(PKCE)) if ask.invite_token else None
    if invited is not None:
        details["invited"] = invited

    def work(rows: Rows) -> None:
        if invited is not None and rows.one(ONE_TIME_TOKENS, token_hash=invited, token_type=CONFIRMATION) is None:
            raise AuthFault("invite_not_found", "The invitation was used, or is too old")
        user_id = link["user"] if link else None
        begun(rows, room, client.name, OAUTH, challenge, user_id=user_id, details=details,
              flow_id=states.flow_of(state))  # fmt: skip

    await room.write(work)
    secure = _is_secure(room)
    cookie = states.cookie(
        states.cookie_name(state, secure=secure), states.derived(key, "browser", state), secure=secure,
        cross_site=client.provider.form_post,
    )  # fmt: skip
    return Sent(with_query(client.at(client.provider.authorization), _asked(room, client, ask, state)), cookie)


def _asked(room: Room, client: Client, ask: Authorize, state: str) -> dict[str, str]:
    """What a place is asked with (RFC 6749, 4.1.1)."""
    provider, key = client.provider, room.key()
    scopes = dict.fromkeys([*provider.scopes.split(), *ask.scopes.split()])
    said = {name: value for name, value in ask.more.items() if name not in RESERVED}
    asked = {provider.renamed.get(name, name): value for name, value in said.items()} | dict(provider.parameters)
    asked |= {"client_id": client.client_id, "redirect_uri": client.redirect_uri, "response_type": "code"}
    if scopes:
        asked["scope"] = " ".join(scopes)
    asked["state"] = state
    if provider.issuer is not None and provider.nonce:
        asked["nonce"] = states.derived(key, "nonce", state)
    if provider.pkce:
        verifier = states.derived(key, "verifier", state)
        asked |= {"code_challenge": states.challenge_of(verifier), "code_challenge_method": "S256"}
    return asked


async def checked(room: Room, ask: Authorize) -> None:
    """That somebody could be sent there, without sending them. Raises `AuthFault`."""
    check_challenge(ask.code_challenge, ask.code_challenge_method)
    await client_of(room, ask.provider)


async def ask_link(room: Room, ask: Authorize, user: Record, session: Record | None) -> str:
    """`GET /user/identities/authorize`: an address of ours that sends one browser to the place, once, and there binds
    it. Raises `AuthFault`."""
    if not room.settings.enable_manual_linking:
        raise linking_disabled()
    refuse_managed(user)
    if session is None:
        raise AuthFault("session_not_found", "A session is required for this")
    await checked(room, ask)
    ticket = states.new_state()
    details = {"ask": _told(ask), "link": {"user": user["id"], "session": session["id"]}}

    def work(rows: Rows) -> None:
        require_aal(rows, user, session)
        begun(rows, room, ask.provider, TICKET, None, user_id=user["id"], details=details,
              flow_id=states.flow_of(ticket))  # fmt: skip

    await room.write(work)
    return f"{room.address}/authorize?ticket={ticket}"


async def follow_ticket(room: Room, ticket: str) -> Sent:
    """An address of `ask_link`, in a browser: to the place. Raises `AuthFault`."""
    flow = await room.write(lambda rows: _used(rows, room, ticket, TICKET))
    if flow is None:
        raise AuthFault("flow_state_not_found", "This way was gone already, or is too old")
    details = json.loads(flow["details"])
    return await authorize(room, Authorize(**details["ask"]), details["link"])


def _told(ask: Authorize) -> dict[str, Any]:
    return {name: getattr(ask, name) for name in ask.__struct_fields__}


def _used(rows: Rows, room: Room, state: str, method: str) -> Record | None:
    """The way of a state, which is used up; None where there is none, or it is too old. One of many who try has it."""
    found = rows.remove(FLOWS, id=states.flow_of(state), authentication_method=method, auth_code=None)
    if not found or found[0]["created_at"] + timedelta(seconds=states.SECONDS) < room.now():
        return None
    return found[0]


# --- coming back ---


async def come_back(
    room: Room, values: Mapping[str, str], cookie_of: Callable[[str], str | None], caller: Caller,
    place: str | None = None,
) -> Sent:  # fmt: skip
    """`GET` and `POST /callback`: where a browser goes that was at a place. `place` is the one that the address of the
    callback names, where it does. Whatever is wrong is told to the app."""
    state, secure, site = values.get("state", ""), _is_secure(room), room.settings.site_url
    name = states.cookie_name(state, secure=secure)
    if not state or not states.is_that(cookie_of(name), room.key(), state):
        return Sent(refused(site, _bad_state("This did not begin in this browser, at this host")))
    cookie = states.cookie(name, "", secure=secure, cross_site=False, seconds=0)
    flow = await room.write(lambda rows: _used(rows, room, state, OAUTH))
    if flow is None:
        return Sent(refused(site, _bad_state("OAuth state has expired, or was used")), cookie)
    details = json.loads(flow["details"])
    redirect_to = allowed_redirect(details["redirect_to"], site, room.settings.additional_redirect_urls)
    try:
        if place is not None and place != flow["provider_type"]:
            raise _bad_state("This is the way back from another place")
        address = await _landed(room, values, state, flow, details, redirect_to, caller)
    except AuthFault as fault:
        return Sent(refused(redirect_to, fault, values.get("error")), cookie)
    return Sent(address, cookie)


async def _landed(
    room: Room, values: Mapping[str, str], state: str, flow: Record, details: dict[str, Any], redirect_to: str,
    caller: Caller,
) -> str:  # fmt: skip
    """Where somebody goes who is back. Raises `AuthFault`."""
    client = await client_of(room, flow["provider_type"])
    _check_sender(client, values)
    brought = await _brought(room, client, values, state)
    if flow["code_challenge"] is None:
        return with_fragment(redirect_to, await _implicit(room, client, brought, details, redirect_to, caller))
    if link := details.get("link"):
        # It is linked when the code is changed for a session: by whoever asked for it, and has the verifier.
        kept = {"link": {"session": link["session"], "person": asdict(brought.person)}}
        code = await room.write(lambda rows: came_back(rows, room, flow, link["user"], brought, kept))
        return with_query(redirect_to, {"code": code})

    def coded(rows: Rows, user: Record) -> str:
        return came_back(rows, room, flow, user["id"], brought)

    code = await arrive(room, client, brought.person, caller, coded, redirect_to=redirect_to, flow=flow,
                        invited=details.get("invited"))  # fmt: skip
    return with_query(redirect_to, {"code": code})


def _check_sender(client: Client, values: Mapping[str, str]) -> None:
    """RFC 9207: what comes back is from where we sent somebody. Raises `AuthFault`, as for what the place refused."""
    provider, sender = client.provider, values.get("iss")
    if provider.sends is not None and (sender or provider.always_sends) and sender != provider.sends:
        raise _bad_state("This is the way back from another issuer")
    if values.get("error"):
        raise AuthFault("bad_oauth_callback", _plain(values.get("error_description") or values["error"]))
    if not values.get("code"):
        raise AuthFault("bad_oauth_callback", "OAuth callback with missing authorization code")


async def _brought(room: Room, client: Client, values: Mapping[str, str], state: str) -> Brought:
    form: Any = None
    if client.provider.form_post and len(values.get("user", "")) < 4096:
        try:
            form = json.loads(values.get("user") or "{}")
        except (ValueError, RecursionError):
            form = None
    key = room.key()
    verifier = states.derived(key, "verifier", state) if client.provider.pkce else None
    nonce = states.derived(key, "nonce", state)
    found = form if isinstance(form, dict) else {}
    return await calls_of(room).brought(client, values["code"], verifier=verifier, nonce=nonce, form=found)


async def _implicit(
    room: Room, client: Client, brought: Brought, details: dict[str, Any], redirect_to: str, caller: Caller
) -> dict[str, str]:
    """The tokens that an app without PKCE reads off its address."""
    link = details.get("link")
    if link:
        grant = await room.write(
            lambda rows: linked(rows, room, link["user"], link["session"], client.name, brought.person, caller)
        )
    else:
        grant = await arrive(room, client, brought.person, caller, entering(room, caller), redirect_to=redirect_to,
                             invited=details.get("invited"))  # fmt: skip
    told = await tokens(room, grant)
    given = {name: str(told[name]) for name in ("access_token", "expires_at", "expires_in", "refresh_token")}
    if brought.access_token:
        given["provider_token"] = brought.access_token
    if brought.refresh_token:
        given["provider_refresh_token"] = brought.refresh_token
    return {**given, "token_type": "bearer"}


# --- an account for somebody ---


def entering(room: Room, caller: Caller) -> Callable[[Rows, Record], Granted]:
    """A session for whoever has arrived."""
    return lambda rows, user: opened(rows, room, user, caller, OAUTH)


async def arrive(
    room: Room, client: Client, person: Person, caller: Caller, then: Callable[[Rows, Record], R], *,
    redirect_to: str, flow: Record | None = None, invited: str | None = None,
) -> R:  # fmt: skip
    """What `then` makes of somebody's account, found or made. Where the address is to be confirmed first, a mail goes.
    Raises `AuthFault`."""
    if await room.read(lambda rows: _waits(rows, room, client.name, person)):
        await may_mail(room, email_of(person.email or "") or "")
    found, gone = await again(lambda: _arrived(room, client, person, caller, then, redirect_to, flow, invited))
    room.revoked(gone)
    if isinstance(found, AuthFault):
        raise found
    made: R = found
    return made


async def _arrived(
    room: Room, client: Client, person: Person, caller: Caller, then: Callable[[Rows, Record], Any], redirect_to: str,
    flow: Record | None, invited: str | None,
) -> tuple[Any, list[str]]:  # fmt: skip
    async with room.unit() as unit:
        arrival = await unit.perform(
            lambda rows: arrived(
                rows, room, client.name, person, caller, email_optional=client.email_optional, invited=invited
            )
        )
        if arrival.is_in:
            return await unit.perform(lambda rows: _in(rows, room, arrival.user, then)), arrival.gone
        if not arrival.is_known:
            waiting = None
            if flow is not None:
                challenge = (flow["code_challenge"], flow["code_challenge_method"])
                waiting = await unit.perform(
                    lambda rows: begun(rows, room, "email", "email/signup", challenge, user_id=arrival.user["id"])
                )
            await send_confirmation(unit, arrival.user, "email", redirect_to, waiting)
        elif not room.settings.email.enable_confirmations:
            return AuthFault("user_already_exists", "User already registered"), []
    message = f"Unverified email with {client.name}. A confirmation email has been sent to your {client.name} email"
    return AuthFault("provider_email_needs_verification", message), arrival.gone


def _in(rows: Rows, room: Room, user: Record, then: Callable[[Rows, Record], Any]) -> Any:
    return then(rows, changed(rows, room, user))


def _waits(rows: Rows, room: Room, provider: str, person: Person) -> bool:
    """Whether a mail may have to go before somebody is let in."""
    if not room.settings.email.enable_confirmations or not person.email or person.verified:
        return False
    identity = rows.one(IDENTITIES, provider=provider, provider_id=person.subject)
    user = rows.one(USERS, id=identity["user_id"]) if identity else None
    return user is None or (user["email"] is not None and user["email_confirmed_at"] is None)


# --- what is told of what went wrong ---


def refused(address: str, fault: AuthFault, error: str | None = None) -> str:
    """The address of an app with what went wrong, in the query and, as older clients read it, in the fragment."""
    if error is None or not _WORD.fullmatch(error):
        error = "server_error" if fault.status >= 500 else (
            "invalid_request" if fault.code in ("bad_oauth_state", "bad_oauth_callback") else "access_denied"
        )  # fmt: skip
    told = {"error": error, "error_code": fault.code, "error_description": _plain(fault.message)}
    return with_fragment(with_query(address, told), told)


def _plain(text: str) -> str:
    return _UNSAID.sub(" ", text)[:300]


def _bad_state(message: str) -> AuthFault:
    return AuthFault("bad_oauth_state", message)


def _is_secure(room: Room) -> bool:
    return room.address.startswith("https://")
