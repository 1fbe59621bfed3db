"""Signing in by a wallet: who holds the key of an address signs a message that names us, and that is good once."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from undercroft.auth.errors import AuthFault
from undercroft.auth.parts import ethereum, solana
from undercroft.auth.parts.redirects import is_allowed
from undercroft.auth.parts.shapes import Shape
from undercroft.auth.parts.wallet_messages import ETHEREUM, SOLANA, Message, Unreadable, read_message
from undercroft.auth.service.accounts import changed
from undercroft.auth.service.again import again
from undercroft.auth.service.linking import arrived
from undercroft.auth.service.room import Room
from undercroft.auth.service.sessions import opened, tokens
from undercroft.auth.store import Rows
from undercroft.auth.store.once import is_first
from undercroft.auth.types import Caller, Granted
from undercroft.auth.types.asks import Web3Grant
from undercroft.auth.types.people import Person

WEB3 = "web3"
LIFETIME = timedelta(minutes=10)
"""How long a message is good for after it was signed, whatever it says itself."""
_SIGNED: dict[str, Callable[[str, str, str], bool]] = {ETHEREUM: ethereum.is_signed, SOLANA: solana.is_signed}


async def sign_in(room: Room, ask: Web3Grant, caller: Caller) -> Shape:
    """`POST /token?grant_type=web3`. Raises `AuthFault`."""
    chain = ask.chain
    if chain not in _SIGNED:
        raise AuthFault("web3_unsupported_chain", "Unsupported chain: it is one of ethereum and solana")
    if not getattr(room.settings.web3, chain).enabled:
        raise AuthFault("web3_provider_disabled", "Web3 provider is disabled")
    try:
        message = read_message(ask.message, chain)
    except Unreadable as error:
        raise _refused(chain, f"cannot be read: {error}") from None
    _check_place(room, message)
    _check_time(room, message)
    if chain == ETHEREUM and not ethereum.is_address(message.address):
        raise _refused(chain, "names an address whose capitals tell of a slip (EIP-55)")
    if not _SIGNED[chain](ask.message, ask.signature, message.address):
        raise _refused(chain, "has another signature than its address's")
    return await tokens(room, await _entered(room, ask.message, _person(message), chain, caller))


def _check_place(room: Room, message: Message) -> None:
    """That it was signed for us: a page of ours asked for it. Raises `AuthFault`."""
    settings, uri = room.settings, message.uri
    if not uri.startswith(("https://", "http://")) or not is_allowed(
        uri, settings.site_url, settings.additional_redirect_urls
    ):
        raise _refused(message.chain, "names a URI that is not allowed here: it was signed for another app")
    at = urlsplit(uri)
    if at.netloc.lower() != message.domain or message.scheme not in (None, at.scheme):
        raise _refused(message.chain, "names another domain than its URI")


def _check_time(room: Room, message: Message) -> None:
    """Raises `AuthFault` for a message that is too old, too early, or good no more."""
    now, leeway = room.now(), timedelta(seconds=room.settings.jwt_leeway)
    if message.expires_at is not None and message.expires_at <= now:
        raise _refused(message.chain, "has expired")
    if message.not_before is not None and message.not_before > now + leeway:
        raise _refused(message.chain, "is not good yet")
    if message.issued_at > now + leeway:
        raise _refused(message.chain, "was issued in the future")
    if message.issued_at + LIFETIME <= now:
        raise _refused(message.chain, "was issued too long ago")


def _person(message: Message) -> Person:
    """Whose address it is, in GoTrue's words. Those of Ethereum are one in any case."""
    address = message.address.lower() if message.chain == ETHEREUM else message.address
    subject = f"{WEB3}:{message.chain}:{address}"
    claims = {
        "address": address,
        "chain": message.chain,
        "network": message.network,
        "domain": message.domain,
        "statement": message.statement,
    }
    data: dict[str, Any] = {
        "sub": subject, "custom_claims": claims, "email_verified": False, "phone_verified": False,
    }  # fmt: skip
    return Person(subject, None, False, data)


async def _entered(room: Room, message: str, person: Person, chain: str, caller: Caller) -> Granted:
    """A session for whoever signed. Raises `AuthFault`."""

    def work(rows: Rows) -> Granted:
        if not is_first(rows, room.engine.dialect, WEB3, message, chain, room.now()):
            raise _refused(chain, "was used before")
        arrival = arrived(rows, room, WEB3, person, caller, email_optional=True)
        if not arrival.is_in:
            raise AuthFault("email_not_confirmed", "Email not confirmed")
        return opened(rows, room, changed(rows, room, arrival.user), caller, WEB3)

    return await again(lambda: room.write(work))


def _refused(chain: str, why: str) -> AuthFault:
    return AuthFault("invalid_credentials", f"Signed {chain.capitalize()} message {why}")
