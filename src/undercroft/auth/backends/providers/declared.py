"""What there is to say of a place: its addresses, its ways, and how its words for somebody are read.

An address counts as verified only where the place says so: `is_true` of what it says, and of nothing that is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from undercroft.auth.parts.addresses import email_of
from undercroft.auth.types.people import Person
from undercroft.base.secret import Secret

Claims = Mapping[str, Any]
_LONGEST = 2048


def is_true(value: object) -> bool:
    """Whether a place says yes: true, or the text that Apple writes for it."""
    return value is True or value == "true"


def text(value: object) -> str | None:
    """A text that says something; ids that are numbers as their digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value[:_LONGEST] if isinstance(value, str) and value else None


def part(value: object, *names: str | int) -> Any:
    """What stands below these names; None where one of them is missing."""
    for name in names:
        if isinstance(name, int):
            value = value[name] if isinstance(value, list) and len(value) > name else None
        else:
            value = value.get(name) if isinstance(value, Mapping) else None
    return value


def is_plain(address: str | None) -> bool:
    """Whether an address is stored as it was verified, but for capitals: one that becomes another by Unicode's ways of
    writing alike is another mailbox."""
    if address is None:
        return False
    return email_of(address) == (address.lower() if address.isascii() else address)


def person(issuer: str | None, subject: object, email: object, verified: bool, **more: object) -> Person:
    """Somebody, with `identity_data` in GoTrue's words."""
    who, address = text(subject) or "", text(email)
    told: dict[str, Any] = {"iss": issuer, "sub": who, "provider_id": who, "email": address}
    told |= {name: value if isinstance(value, dict | list) else text(value) for name, value in more.items()}
    data = {name: value for name, value in told.items() if value is not None}
    is_verified = verified and is_plain(address)
    return Person(who, address, is_verified, {**data, "email_verified": is_verified, "phone_verified": False})


def openid(claims: Claims) -> Person:
    """Somebody by the standard claims (OpenID Connect Core 1.0, 5.1)."""
    name = claims.get("name")
    return person(
        claims.get("iss"), claims.get("sub"), claims.get("email"), is_true(claims.get("email_verified")),
        name=name, full_name=name, given_name=claims.get("given_name"), family_name=claims.get("family_name"),
        nickname=claims.get("nickname"), preferred_username=claims.get("preferred_username"),
        user_name=claims.get("preferred_username"), picture=claims.get("picture"), avatar_url=claims.get("picture"),
        profile=claims.get("profile"), website=claims.get("website"), locale=claims.get("locale"),
    )  # fmt: skip


def is_issuer(*names: str) -> Callable[[Claims, str], bool]:
    """That the `iss` is one of these, letter by letter."""
    return lambda claims, url: claims.get("iss") in names


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A place. `{url}` in an address is its own, as the settings have it, else `url`."""

    name: str
    authorization: str
    exchange: str
    url: str = ""
    own: bool = False
    """There are many of it: the settings have to say which."""
    scopes: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What else it is asked with."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Words of callers that it knows by another name, which means something else here."""
    pkce: bool = True
    basic: bool = False
    """The app shows its secret in a header, not in the form (RFC 6749, 2.3.1)."""
    form_post: bool = False
    """It sends people back by a form."""
    sends: str | None = None
    """The `iss` that it sends along when people come back (RFC 9207), where it does."""
    always_sends: bool = False
    """It says that it always does."""
    issuer: Callable[[Claims, str], bool] | None = None
    """Whether an ID token is from there; None for a place that gives none that is looked at."""
    jwks: str = ""
    nonce: bool = True
    """Its ID tokens repeat the nonce."""
    people: Mapping[str, str] = field(default_factory=dict)
    """Where it tells who somebody is, by the names that `reads` knows; with an ID token, only what that leaves out."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """With which it is asked there."""
    reads: Callable[[Claims, Mapping[str, Any]], Person] = lambda claims, found: openid(claims)
    """Somebody, by the claims of the ID token and by what it told."""
    discovery: str | None = None
    """Where the rest of this is found (OpenID Connect Discovery 1.0); then `url` is its issuer."""
    secret: Callable[[Client, float], str] | None = None
    """The secret that is shown, where it is not the one of the settings."""

    def at(self, url: str) -> Provider:
        """The one of many that is at this address."""
        return replace(self, url=url, sends=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Client:
    """What this app is to a place."""

    provider: Provider
    client_id: str
    secret: Secret
    redirect_uri: str
    audiences: tuple[str, ...]
    """Whom ID tokens may be for."""
    enabled: bool = True
    skip_nonce_check: bool = False
    email_optional: bool = False

    @property
    def name(self) -> str:
        """The place's."""
        return self.provider.name

    def at(self, address: str) -> str:
        """An address of the place. GitHub's interface has a host of its own, but where somebody runs GitHub."""
        url = self.provider.url.rstrip("/")
        api = "https://api.github.com" if url == "https://github.com" else f"{url}/api/v3"
        return address.replace("{url}", url).replace("{api}", api)
